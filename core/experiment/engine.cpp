#include "core/experiment/engine.hpp"

#include "core/experiment/node.hpp"

namespace labhost {
namespace {

void read_resources(const TableView& table, SlurmResources& resources) {
  resources.time = table.text("time").value_or(resources.time);
  resources.mem = table.text("mem").value_or(resources.mem);
  resources.gres = table.text("gres").value_or(resources.gres);
  resources.cpus = table.integer("cpus", 1, 4096).value_or(resources.cpus);
}

}  // namespace

const SlurmResources& SlurmSettings::resources_of(const std::string& algorithm) const {
  const auto own = algorithms.find(algorithm);
  return own == algorithms.end() ? resources : own->second;
}

SlurmSettings read_slurm(const TableView& top, const std::vector<std::string>& algorithms) {
  SlurmSettings slurm;
  const auto engine = top.table("engine");
  if (!engine) return slurm;
  engine->allow_only({"slurm"});
  const auto table = engine->table("slurm");
  if (!table) return slurm;
  table->allow_only({"partition", "account", "qos", "constraint", "time", "mem", "gres", "cpus",
                     "limit", "max_attempts", "signal_seconds", "poll_seconds", "extra", "setup",
                     "algorithm"});
  slurm.partition = table->text("partition").value_or("");
  slurm.account = table->text("account").value_or("");
  slurm.qos = table->text("qos").value_or("");
  slurm.constraint = table->text("constraint").value_or("");
  read_resources(*table, slurm.resources);
  slurm.limit = table->integer("limit", 1, 1000000).value_or(slurm.limit);
  slurm.max_attempts = table->integer("max_attempts", 1, 1000).value_or(slurm.max_attempts);
  slurm.signal_seconds = table->integer("signal_seconds", 1, 65535).value_or(slurm.signal_seconds);
  slurm.poll_seconds = table->real("poll_seconds", 0.1).value_or(slurm.poll_seconds);
  slurm.extra = table->names("extra").value_or(std::vector<std::string>());
  slurm.setup = table->names("setup").value_or(std::vector<std::string>());
  if (const auto own = table->table("algorithm")) {
    own->allow_only(algorithms);
    for (const std::string& algorithm : own->node().keys()) {
      const TableView one = *own->table(algorithm);
      one.allow_only({"time", "mem", "gres", "cpus"});
      SlurmResources& resources = slurm.algorithms[algorithm] = slurm.resources;
      read_resources(one, resources);
    }
  }
  return slurm;
}

}  // namespace labhost
