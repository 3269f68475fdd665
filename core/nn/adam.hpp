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

  void set_learning_rate(double rate) { learning_rates_.assign(modules_.size(), rate); }
  /// Of one module, by its place in the constructor's list.
  void set_learning_rate(std::size_t module, double rate) { learning_rates_.at(module) = rate; }

  void save(Archive& archive, const std::string& name) const override;
  void load(const Archive& archive, const std::string& name) override;

 private:
  /// Factors for the gradients of each module's copies, from the clipping rule [C] per module.
  std::vector<Tensor> scales(const std::vector<Tensor>& gradients) const;
  void step_on(const Tensor* gradients);
  void step_module(std::size_t module, const Tensor* gradients, const Tensor& scale,
                   double step_size, double root_scale);
  friend LABHOST_API Tensor minimise(const Tensor& loss, const std::vector<Adam*>& optimisers);

  std::vector<FlatModule*> modules_;
  std::vector<Tensor> parameters_;      // of all modules
  std::vector<Tensor> first_, second_;  // moments, as flat() of each module
  std::vector<double> learning_rates_;  // of each module
  Clip clip_;
  double max_norm_;
  std::int64_t steps_ = 0;
};

/// One step of several optimisers on the same loss, from one backward pass: a network and the
/// memory below it, which has a state of its own. nullptr stands for one that is not there. Each
/// clips by its own rule.
LABHOST_API Tensor minimise(const Tensor& loss, const std::vector<Adam*>& optimisers);

}  // namespace labhost
