#include "core/runner/worker/bench_subject.hpp"

#include <algorithm>
#include <cstdio>

namespace labhost {

BenchTask ant(const std::filesystem::path& folder, bool full, Logger& logger) {
  const LoadedPlugin plugin = LoadedPlugin::load(folder / "ant.so");
  ParamValues values = default_values(plugin.description());
  values["observation"] = full ? "full" : "limb";
  BenchTask made;
  made.label = full ? "ant fo" : "ant po";
  made.environment = [plugin, values, &logger](std::int64_t copies) {
    const Params params(values);
    return plugin.make(EnvironmentContext{params, copies, 0, 1, logger});
  };
  made.task = made.environment(1)->task();
  made.data = random_transitions(made.task, 100000, 500);
  return made;
}

BenchArguments BenchArguments::parse(const std::vector<std::string>& arguments) {
  BenchArguments parsed;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      parsed.libraries.emplace_back(argument);
    } else {
      parsed.changed[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }
  for (const auto& [name, value] : parsed.changed) {
    const bool known =
        std::any_of(parsed.libraries.begin(), parsed.libraries.end(), [&](const auto& library) {
          return LoadedPlugin::load(library).description().find_param(name) != nullptr;
        });
    if (!known) throw InputError("bench: none of the algorithms has a parameter '" + name + "'");
  }
  return parsed;
}

void BenchArguments::print_changed() const {
  for (const auto& [name, value] : changed)
    std::printf("with %s = %s\n", name.c_str(), value.c_str());
}

ParamValues values_of(const LoadedPlugin& plugin, const ParamValues& changed) {
  ParamValues values = default_values(plugin.description());
  for (const auto& [name, value] : changed) {
    if (values.count(name) != 0) values[name] = value;
  }
  return values;
}

torch::ScalarType product_type(const LoadedPlugin& plugin, const ParamValues& changed) {
  const ParamValues values = values_of(plugin, changed);
  const auto precision = values.find("precision");
  return precision != values.end() && precision->second == "bf16" ? torch::kBFloat16
                                                                  : torch::kFloat32;
}

Subject::Subject(const LoadedPlugin& plugin, const BenchTask& on, const ParamValues& changed,
                 const std::map<std::string, Archive>& artifacts)
    : params_(values_of(plugin, changed)), streams_(0) {
  const auto artifact = [&artifacts](const std::string& role) { return artifacts.at(role); };
  const auto environment = [&on](std::int64_t copies, const std::string&) {
    return on.environment(copies);
  };
  algorithm_ = plugin.make(AlgorithmContext{on.task, on.data, params_, streams_, torch::kCPU,
                                            1000000, logger_, environment, artifact});
}

double ReferenceProduct::operations_per_second() {
  constexpr int kRepeats = 4;
  const double seconds = seconds_of([this] {
    for (int i = 0; i < kRepeats; ++i) torch::mm_out(c_, a_, b_);
  });
  const auto rows = static_cast<double>(a_.size(0)), width = static_cast<double>(a_.size(1));
  return kRepeats * 2.0 * rows * width * width / seconds;
}

}  // namespace labhost
