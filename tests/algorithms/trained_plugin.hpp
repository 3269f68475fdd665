// Built plugins with everything that a host hands to them.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/plugins/loader.hpp"

namespace labhost::testing {

class SilentLogger : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string&) override {}
};

using Overrides = std::map<std::string, std::string>;

inline LoadedPlugin built_plugin(const std::string& name) {
  return LoadedPlugin::load(std::string(LABHOST_PLUGINS) + "/" + name + ".so");
}

/// The declared defaults with some of them replaced.
inline Params params_of(const LoadedPlugin& plugin, const Overrides& overrides = {}) {
  std::map<std::string, std::string> values;
  for (const ParamDescription& param : plugin.description().params) {
    values[param.name] = param.default_value;
  }
  for (const auto& [name, value] : overrides) {
    REQUIRE_MESSAGE(values.count(name) == 1, "no parameter ", name);
    values[name] = value;
  }
  return Params(values);
}

/// An algorithm plugin at work on a task.
class TrainedPlugin {
 public:
  struct Setup {
    std::string plugin;
    Overrides params;
    std::int64_t total_steps = 1;
    std::uint64_t seed = 1;
    std::map<std::string, Archive> artifacts = {};
    /// For an algorithm that interacts: `copies` of its simulator.
    std::function<std::unique_ptr<Environment>(std::int64_t copies)> make_environment = {};
  };

  TrainedPlugin(const TaskSpec& task, const Transitions& data, const Setup& setup)
      : task_(task),
        data_(data),
        artifacts_(setup.artifacts),
        params_(params_of(built_plugin(setup.plugin), setup.params)),
        streams_(setup.seed) {
    const auto environment = [make = setup.make_environment](std::int64_t copies,
                                                             const std::string&) {
      return make ? make(copies) : nullptr;
    };
    const auto artifact = [this](const std::string& role) { return artifacts_.at(role); };
    algorithm_ = built_plugin(setup.plugin)
                     .make(AlgorithmContext{task_, data_, params_, streams_, torch::kCPU,
                                            setup.total_steps, logger_, environment, artifact});
  }

  Algorithm& operator*() { return *algorithm_; }
  Algorithm* operator->() { return algorithm_.get(); }
  /// Updates `count` times; the metrics of the last one.
  std::map<std::string, double> update(std::int64_t count) {
    std::map<std::string, double> last;
    for (std::int64_t i = 0; i < count; ++i) {
      last.clear();
      const Metrics metrics = algorithm_->update();
      for (const auto& [name, value] : metrics.values()) {
        last[name] = value.item<double>();
      }
    }
    return last;
  }
  Archive saved() const {
    Archive archive;
    algorithm_->save(archive);
    return archive;
  }
  /// With the random streams, as the host's checkpoints: what restore() goes on from.
  Archive checkpoint() const {
    Archive archive = saved();
    streams_.save(archive);
    return archive;
  }
  void restore(const Archive& archive) {
    algorithm_->load(archive);
    streams_.load(archive);
  }

 private:
  TaskSpec task_;
  Transitions data_;
  std::map<std::string, Archive> artifacts_;
  SilentLogger logger_;
  Params params_;
  Streams streams_;
  std::unique_ptr<Algorithm> algorithm_;
};

}  // namespace labhost::testing
