#include "core/experiment/paper.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/text.hpp"
#include "core/experiment/node.hpp"

namespace labhost {
namespace {

double number(const Node& node) {
  if (node.kind == Node::Kind::kInteger) return static_cast<double>(node.integer);
  if (node.kind == Node::Kind::kReal && std::isfinite(node.real)) return node.real;
  throw node.location.error("a cell holds numbers, found " + node.describe());
}

PaperCell read_cell(const TableView& row, const std::string& algorithm) {
  const Node& value = *row.find(algorithm);
  if (value.kind != Node::Kind::kArray || value.items.empty() || value.items.size() > 2) {
    throw row.error(algorithm,
                    "must be [mean, standard error] or [mean], found " + value.describe());
  }
  PaperCell cell;
  cell.algorithm = algorithm;
  cell.mean = number(value.items[0]);
  if (value.items.size() == 2) {
    cell.sem = number(value.items[1]);
    if (*cell.sem < 0) throw row.error(algorithm, "has a negative standard error");
  }
  return cell;
}

/// The one relation that the condition's table names.
std::string relation_of(const TableView& table) {
  std::string found;
  for (const std::string& name : relation_names()) {
    if (table.find(name) == nullptr) continue;
    if (!found.empty()) throw table.error(name, "stands beside " + found + "; name one relation");
    found = name;
  }
  if (!found.empty()) return found;
  throw table.node().location.error("a condition needs a relation: one of " +
                                    join(relation_names(), ", "));
}

void read_relation(const TableView& table, Condition& condition) {
  const std::string name = relation_of(table);
  condition.relation = parse_relation(name);
  if (condition.relation == Condition::Relation::kAbove ||
      condition.relation == Condition::Relation::kBelow) {
    condition.value = *table.real(name, std::numeric_limits<double>::lowest());
    return;
  }
  const TableView against = *table.table(name);
  against.allow_only({"algorithms", "tasks"});
  condition.against = against.names("algorithms").value_or(std::vector<std::string>{});
  condition.against_tasks = against.names("tasks").value_or(std::vector<std::string>{});
  if (condition.against.empty() == condition.against_tasks.empty()) {
    throw table.error(name, "must name either algorithms or tasks to compare with");
  }
}

Condition read_condition(const Node& node, const std::string& path) {
  const TableView table(node, path);
  std::vector<std::string> known = relation_names();
  known.insert(known.end(), {"algorithms", "tasks", "somewhere"});
  table.allow_only(known);
  table.require("algorithms", "expected the names of those that the claim is about");
  Condition condition;
  condition.algorithms = *table.names("algorithms");
  condition.tasks = table.names("tasks").value_or(std::vector<std::string>{});
  condition.somewhere = table.flag("somewhere").value_or(false);
  read_relation(table, condition);
  return condition;
}

const Node& array_of(const TableView& table, const std::string& key) {
  const Node& list = table.require(key, "expected an array of tables");
  if (list.kind == Node::Kind::kArray && !list.items.empty()) return list;
  throw table.error(key, "must be an array of tables, found " + list.describe());
}

Claim read_claim(const Node& node) {
  const TableView table(node, "claims");
  table.allow_only({"text", "source", "conditions"});
  table.require("text", "expected the claim in words");
  table.require("source", "expected where the paper says it");
  Claim claim{*table.text("text"), *table.text("source"), {}};
  for (const Node& condition : array_of(table, "conditions").items) {
    claim.conditions.push_back(read_condition(condition, "claims.conditions"));
  }
  return claim;
}

/// A claim on a table with numbers speaks of cells that it has.
void check_names(const PaperTable& table, const Claim& claim, const Location& location) {
  std::vector<std::string> tasks, algorithms;
  for (const PaperCell& cell : table.cells) {
    tasks.push_back(cell.task);
    algorithms.push_back(cell.algorithm);
  }
  const auto check = [&location](const std::vector<std::string>& names,
                                 const std::vector<std::string>& known) {
    for (const std::string& name : names) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      throw location.error("a claim names \"" + name + "\", which [cells] does not have" +
                           suggestion(name, known));
    }
  };
  for (const Condition& condition : claim.conditions) {
    check(condition.algorithms, algorithms);
    check(condition.against, algorithms);
    check(condition.tasks, tasks);
    check(condition.against_tasks, tasks);
  }
}

void read_cells(const TableView& cells, PaperTable& table) {
  for (const std::string& task : cells.node().keys()) {
    const TableView row = *cells.table(task);
    for (const std::string& algorithm : row.node().keys()) {
      PaperCell cell = read_cell(row, algorithm);
      cell.table_name = table.name;
      cell.task = task;
      table.cells.push_back(std::move(cell));
    }
  }
}

}  // namespace

PaperTable read_paper_table(const std::filesystem::path& file) {
  const Node root = parse_toml_file(file);
  const TableView top(root, "");
  top.allow_only({"table", "cells", "claims"});
  top.require("table", "expected the table's name");
  if (top.find("claims") == nullptr) {
    top.require("cells", "expected TASK = { ALGORITHM = [mean, standard error] }");
  }
  PaperTable table;
  table.name = *top.text("table");
  if (table.name.empty()) throw top.error("table", "must not be empty");
  if (const auto cells = top.table("cells")) read_cells(*cells, table);
  if (top.find("claims") == nullptr) return table;
  for (const Node& node : array_of(top, "claims").items) {
    table.claims.push_back(read_claim(node));
    if (!table.cells.empty()) check_names(table, table.claims.back(), node.location);
  }
  return table;
}

}  // namespace labhost
