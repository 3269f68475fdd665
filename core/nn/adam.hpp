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

class LABHOST_API Adam : public Stateful {
 public:
  /// `max_norm` bounds gradient norms before a step: scale min(1, max_norm / (norm + 1e-6)).
  Adam(std::vector<FlatModule*> modules, double learning_rate, Clip clip, double max_norm = 1.0);

  /// One step on the gradient of `loss` with respect to the modules' parameters, each of which it
  /// must depend on. Returns the loss without its graph.
  Tensor minimise(const Tensor& loss);

  void set_learning_rate(double rate) { learning_rate_ = rate; }

  void save(Archive& archive, const std::string& name) const override;
  void load(const Archive& archive, const std::string& name) override;

 private:
  /// Factors for the gradients of each module's copies, from the clipping rule [C] per module.
  std::vector<Tensor> scales(const std::vector<Tensor>& gradients) const;
  void step(std::size_t module, const Tensor* gradients, const Tensor& scale, double step_size,
            double root_scale);

  std::vector<FlatModule*> modules_;
  std::vector<Tensor> parameters_;      // of all modules
  std::vector<Tensor> first_, second_;  // moments, as flat() of each module
  double learning_rate_;
  Clip clip_;
  double max_norm_;
  std::int64_t steps_ = 0;
};

}  // namespace labhost
