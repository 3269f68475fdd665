// The reference's memories, and what its networks see through them.
//
// A memory has embed, Wq, Wk, Wv, norm (each .weight and .bias), soft_key.weight and soft_query.
// Its networks' inputs are (embedding, observation), then for Q the agent's own action.
#pragma once

#include <cmath>
#include <optional>

#include "core/nn/adam.hpp"
#include "core/nn/memory.hpp"
#include "core/nn/sampler.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

/// Copy `copy` of a module is the reference's memory `prefix`. `rows`: ours of the embedding for
/// each number of its pair (empty: all of them).
struct Memory {
  MemoryEncoder* module;
  std::int64_t copy;
  std::string prefix;
  std::vector<std::int64_t> rows = {};
};

struct MemoryPart {
  MemoryEncoder::Part part;
  const char* name;
};

inline constexpr MemoryPart kMemoryParts[] = {
    {MemoryEncoder::kEmbed, "embed.weight"},      {MemoryEncoder::kEmbedBias, "embed.bias"},
    {MemoryEncoder::kQuery, "Wq.weight"},         {MemoryEncoder::kQueryBias, "Wq.bias"},
    {MemoryEncoder::kKey, "Wk.weight"},           {MemoryEncoder::kKeyBias, "Wk.bias"},
    {MemoryEncoder::kValue, "Wv.weight"},         {MemoryEncoder::kValueBias, "Wv.bias"},
    {MemoryEncoder::kGain, "norm.weight"},        {MemoryEncoder::kShift, "norm.bias"},
    {MemoryEncoder::kSoftKey, "soft_key.weight"}, {MemoryEncoder::kSoftQuery, "soft_query"}};

inline std::string part_name(const Memory& memory, const MemoryPart& part) {
  return memory.prefix.empty() ? part.name : memory.prefix + "." + part.name;
}

/// As ours: weights [in, out], others [1, out].
inline Tensor stored_part(const GoldenFile& file, const std::string& section, const Memory& memory,
                          const MemoryPart& part) {
  const Tensor stored = file.tensor(section + "/" + part_name(memory, part));
  return stored.dim() == 1 ? stored.unsqueeze(0) : stored.t();
}

inline std::vector<std::int64_t> rows_of_part(const Memory& memory, const MemoryPart& part) {
  return part.part == MemoryEncoder::kEmbed ? memory.rows : std::vector<std::int64_t>();
}

inline void load_memories(const GoldenFile& file, const std::string& section,
                          const std::vector<Memory>& memories) {
  const torch::NoGradGuard no_grad;
  for (const Memory& memory : memories) {
    for (const MemoryPart& part : kMemoryParts) {
      set_live_part(memory.module->part(part.part), memory.copy,
                    stored_part(file, section, memory, part), rows_of_part(memory, part));
    }
  }
}

inline void check_memories(const GoldenFile& file, const std::string& section,
                           const std::vector<Memory>& memories) {
  for (const Memory& memory : memories) {
    for (const MemoryPart& part : kMemoryParts) {
      const Tensor stored = stored_part(file, section, memory, part);
      check_close(live_part(memory.module->part(part.part), memory.copy, stored,
                            rows_of_part(memory, part)),
                  stored, section + " " + part_name(memory, part));
    }
  }
}

/// As check_gradients() of networks. A gradient that is zero in exact arithmetic (the key's bias)
/// is held by check_close()'s absolute part.
inline void check_gradients(const GoldenFile& file, const std::string& section,
                            const std::vector<Memory>& memories, const Tensor& loss) {
  for (const Memory& memory : memories) {
    const auto gradients = torch::autograd::grad({loss}, memory.module->parameters(), {},
                                                 /*retain_graph=*/true);
    for (const MemoryPart& part : kMemoryParts) {
      check_gradient(gradients[part.part], memory.copy, stored_part(file, section, memory, part),
                     section + " " + part_name(memory, part), rows_of_part(memory, part));
    }
  }
}

/// The norm of copy `copy`'s gradient, over all of its parameters.
inline double gradient_norm(const FlatModule& module, std::int64_t copy, const Tensor& loss) {
  double squares = 0;
  for (const Tensor& gradient :
       torch::autograd::grad({loss}, module.parameters(), {}, /*retain_graph=*/true)) {
    squares += gradient[copy].square().sum().item<double>();
  }
  return std::sqrt(squares);
}

/// The reference's prefix of an agent's names.
inline std::string agent_prefix(const TaskSpec& task, std::size_t agent) {
  return task.agents.size() == 1 ? "" : "agent" + std::to_string(agent) + ".";
}

/// A file's rows as a batch: what the agents see and do side by side.
inline Batch batch_of(const GoldenFile& file, const TaskSpec& task) {
  const auto joint = [&](const std::string& field) {
    std::vector<Tensor> all;
    for (std::size_t i = 0; i < task.agents.size(); ++i) {
      all.push_back(file.tensor("/inputs/" + agent_prefix(task, i) + field));
    }
    return torch::cat(all, 1);
  };
  return {joint("observations"), joint("actions"), file.tensor("/inputs/rewards").flatten(),
          joint("next_observations"), file.column("/inputs/masks")};
}

inline std::int64_t own_observation(const TaskSpec& task, std::size_t agent) {
  return static_cast<std::int64_t>(task.agents[agent].observes.size());
}

/// Where the numbers of an agent's pair stand in ours: its observation and its action are each
/// padded.
inline std::vector<std::int64_t> pair_rows(const TaskSpec& task, std::size_t agent) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < own_observation(task, agent); ++i) rows.push_back(i);
  for (std::int64_t i = 0; i < task.agents[agent].action.size; ++i) {
    rows.push_back(task.observation_width() + i);
  }
  return rows;
}

/// The memories of all agents, each a copy of `module`.
inline std::vector<Memory> memories_of(const TaskSpec& task, MemoryEncoder& module,
                                       const std::string& network) {
  std::vector<Memory> all;
  for (std::size_t i = 0; i < task.agents.size(); ++i) {
    all.push_back({&module, static_cast<std::int64_t>(i), agent_prefix(task, i) + network,
                   pair_rows(task, i)});
  }
  return all;
}

/// A file's histories [N, B, H, P].
inline Tensor stored_histories(const GoldenFile& file, const TaskSpec& task,
                               const std::string& field) {
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < task.agents.size(); ++i) {
    const Tensor own = file.tensor("/inputs/" + agent_prefix(task, i) + field);
    Tensor padded =
        torch::zeros({own.size(0), own.size(1), task.observation_width() + task.action_size()});
    padded.index_copy_(2, live_rows(pair_rows(task, i), own.size(2)), own);
    all.push_back(padded);
  }
  return torch::stack(all);
}

/// What the networks see of a file's rows. It stands for core/nn/perception.hpp, which gathers
/// histories from a dataset; here they come from the file.
class Sight {
 public:
  /// Of the agents of `task` (named agent0, agent1 in the file where there are two). There is a
  /// memory where the file's settings give it a length.
  Sight(const GoldenFile& file, const TaskSpec& task, Clip clip = Clip::kNone,
        double max_norm = 1.0)
      : task_(task),
        observation_(observations(file, "observations")),
        next_observation_(observations(file, "next_observations")) {
    const json& settings = file.at("/settings");
    const std::int64_t length = settings.value("memory_len", 0);
    if (length == 0) return;
    const MemoryShape shape{task.observation_width() + task.action_size(), length,
                            settings.at("memory_out_size").get<std::int64_t>()};
    history_ = stored_histories(file, task, "history_memories");
    next_history_ = stored_histories(file, task, "next_history_memories");
    REQUIRE(history_.size(2) == length);
    memory_.emplace(task.agent_count(), shape, torch::kCPU, any_generator());
    target_.emplace(task.agent_count(), shape, torch::kCPU, any_generator());
    optimiser_.emplace(std::vector<FlatModule*>{&*memory_}, file.number("/settings/lr_memory"),
                       clip, max_norm);
    load_memories(file, "/weights", memories());
    load_memories(file, "/weights", targets());
  }

  /// Other rows: observations [N, B, O] and, with a memory, histories [N, B, H, P].
  void look_at(const Tensor& observation, const Tensor& history, const Tensor& next_observation,
               const Tensor& next_history) {
    observation_ = observation;
    history_ = history;
    next_observation_ = next_observation;
    next_history_ = next_history;
  }

  bool remembers() const { return memory_.has_value(); }
  /// Of the networks' inputs.
  std::int64_t width() const { return embedding_width() + task_.observation_width(); }

  /// Inputs [N, B, I]: through the memory that learns, or without a graph through its target.
  Tensor now() const { return remembers() ? seen(*memory_, history_, observation_) : observation_; }
  Tensor now_as_target() const { return as_target(history_, observation_); }
  Tensor next_as_target() const { return as_target(next_history_, next_observation_); }

  /// The rows of our first layers for an agent's inputs in the reference.
  std::vector<std::int64_t> rows(std::size_t agent, bool with_action) const {
    std::vector<std::int64_t> rows;
    const auto add = [&rows](std::int64_t first, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) rows.push_back(first + i);
    };
    add(0, embedding_width() + own_observation(task_, agent));
    if (with_action) add(width(), task_.agents[agent].action.size);
    return rows;
  }

  std::vector<Memory> memories() { return of_agents(memory_, "memory"); }
  std::vector<Memory> targets() { return of_agents(target_, "memory_target"); }
  void check_parameters(const GoldenFile& file, const std::string& section) {
    check_memories(file, section, memories());
    check_memories(file, section, targets());
  }
  void check_memory_gradients(const GoldenFile& file, const std::string& section,
                              const Tensor& loss) {
    check_gradients(file, section, memories(), loss);
  }

  Adam* optimiser() { return remembers() ? &*optimiser_ : nullptr; }
  void polyak(double rate) {
    if (remembers()) target_->polyak(*memory_, rate);
  }

 private:
  std::int64_t embedding_width() const { return remembers() ? memory_->shape().width : 0; }

  /// [N, B, O], padded on the right.
  Tensor observations(const GoldenFile& file, const std::string& field) const {
    std::vector<Tensor> all;
    for (std::size_t i = 0; i < task_.agents.size(); ++i) {
      const Tensor own = file.tensor("/inputs/" + agent_prefix(task_, i) + field);
      all.push_back(torch::constant_pad_nd(own, {0, task_.observation_width() - own.size(1)}));
    }
    return torch::stack(all);
  }

  std::vector<Memory> of_agents(std::optional<MemoryEncoder>& module, const std::string& network) {
    return module ? memories_of(task_, *module, network) : std::vector<Memory>();
  }

  static Tensor seen(const MemoryEncoder& memory, const Tensor& history,
                     const Tensor& observation) {
    return torch::cat({memory.forward(history), observation}, -1);
  }
  Tensor as_target(const Tensor& history, const Tensor& observation) const {
    const torch::NoGradGuard no_grad;
    return remembers() ? seen(*target_, history, observation) : observation;
  }

  TaskSpec task_;
  Tensor observation_, next_observation_;  // [N, B, O]
  Tensor history_, next_history_;          // [N, B, H, P]
  std::optional<MemoryEncoder> memory_, target_;
  std::optional<Adam> optimiser_;
};

}  // namespace labhost::golden
