// Adam (Kingma and Ba, 2015; PyTorch's default betas and epsilon) over flat modules.
#pragma once

#include <string>
#include <vector>

#include "core/nn/flat_module.hpp"

namespace labhost {

enum class Clip {
  kNone,
  kPerCopy,    ///< each copy of each network apart (the released MAIQL)
  kJointCopy,  ///< copy c of all networks together (the released world model: one member)
  kGlobal      ///< one norm over everything (the released MAPPO)
};

class LABHOST_API Adam {
 public:
  /// `max_norm` bounds gradient norms before a step: scale min(1, max_norm / (norm + 1e-6)).
  Adam(std::vector<FlatModule*> modules, double learning_rate, Clip clip, double max_norm = 1.0);

  /// zero_gradient(), backward(), step(). Returns the loss without its graph.
  Tensor minimise(const Tensor& loss);

  void zero_gradient();
  /// Clips, steps, and leaves the gradients as they are (clipped).
  void step();
  void set_learning_rate(double rate) { learning_rate_ = rate; }

  void save(Archive& archive, const std::string& name) const;
  void load(const Archive& archive, const std::string& name);

 private:
  void clip();

  std::vector<FlatModule*> modules_;
  std::vector<Tensor> first_, second_;  // moments, [C, P] per module
  double learning_rate_;
  Clip clip_;
  double max_norm_;
  std::int64_t steps_ = 0;
};

}  // namespace labhost
