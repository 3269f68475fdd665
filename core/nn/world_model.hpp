// The centralised world model: an ensemble of probabilistic networks.  Section 3.1.
//
// Shapes: M members, B batch, S state width, E encoded joint action.
// A member m has two diagonal Gaussians, next state and reward, and a Bernoulli terminal head, all
// conditioned on (s, a).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/nn/mlp.hpp"

namespace labhost {

struct WorldModelShape {
  std::int64_t state_width = 1, action_width = 1;  ///< S, E
  std::int64_t members = 7;                        ///< trained (paper: 7)
  std::int64_t hidden = 1024, layers = 4;          ///< next state and reward (paper)
  std::int64_t terminal_layers = 2;                ///< released code
  bool difference = false;  ///< the mean of s' is s plus what the network says (ours)
};

struct WorldModelOptions {
  bool clip_to_dataset = true;    ///< next state and reward to the dataset's bounding box
  double uncertainty_clip = 2.0;  ///< l_eps: eps_r and eps_g are clipped to at most this
  double stop_threshold = 2.0;    ///< l_eps: a rollout stops where eps_g reaches this
};

class LABHOST_API WorldModel {
 public:
  WorldModel(const WorldModelShape& shape, torch::Device device, at::Generator generator);
  /// The kept members of a trained model, from an artifact written by save().
  static WorldModel restore(const Archive& archive, torch::Device device);

  const WorldModelShape& shape() const { return shape_; }
  std::vector<FlatModule*> modules() { return {&next_state_, &reward_, &terminal_}; }
  void set_precision(Precision precision);
  void freeze();  ///< see Mlp::freeze()

  /// Inputs (s, a) of the members [M, B, S + E]. Continuous actions are kept 1e-5 off the bounds.
  static Tensor input(const Tensor& state, const Tensor& encoded_action, bool discrete);

  struct Gaussians {
    Tensor mean, log_std;  ///< [M, B, .]; log_std clamped to [-6, 2]
  };
  Gaussians next_state(const Tensor& input) const;   ///< [M, B, S]
  Gaussians reward(const Tensor& input) const;       ///< [M, B, 1]
  Tensor terminal_logit(const Tensor& input) const;  ///< [M, B]

  struct Step {
    Tensor next_state;    ///< [B, S] one member's mean, the member drawn uniformly per row
    Tensor reward;        ///< [B] ensemble mean
    Tensor terminal;      ///< [B] bool, majority vote
    Tensor eps_r, eps_g;  ///< [B] epistemic uncertainties, clipped
    Tensor aleatoric;     ///< [B] MOPO: largest norm over members of the predicted covariance
    Tensor unreliable;    ///< [B] bool: eps_g before clipping reached the stop threshold
  };
  /// One step of the model, by all its members.
  Step step(const Tensor& state, const Tensor& encoded_action, bool discrete,
            const WorldModelOptions& options, at::Generator generator) const;

  /// Which members are kept, best first, and the box that predictions are clipped to.
  void keep(const Tensor& members) { kept_ = members; }
  const Tensor& kept() const { return kept_; }
  /// A model of the kept members alone, best first.
  WorldModel of_kept() const;
  void set_box(const Tensor& state_low, const Tensor& state_high, const Tensor& reward_low,
               const Tensor& reward_high);

  /// x -> (x - shift) / scale for the networks' inputs, and back for what they predict.
  struct Scaling {
    Tensor shift, scale;  ///< [width of x]
  };
  /// Inputs (s, a), next states (or their differences) and rewards; as they are unless set.
  void set_scaling(const Scaling& input, const Scaling& next_state, const Scaling& reward);

  void save(Archive& archive) const;
  void load(const Archive& archive);

 private:
  Tensor scaled(const Tensor& input) const;
  static Gaussians predicted(const Tensor& output, const Scaling& scaling);
  /// What is not trained, by its name in archives.
  template <typename Self>
  static auto constants(Self& self) {
    using Pointer = decltype(&self.state_low_);
    return std::vector<std::pair<std::string, Pointer>>{
        {"box/state_low", &self.state_low_},
        {"box/state_high", &self.state_high_},
        {"box/reward_low", &self.reward_low_},
        {"box/reward_high", &self.reward_high_},
        {"scaling/input_shift", &self.input_scaling_.shift},
        {"scaling/input_scale", &self.input_scaling_.scale},
        {"scaling/state_shift", &self.state_scaling_.shift},
        {"scaling/state_scale", &self.state_scaling_.scale},
        {"scaling/reward_shift", &self.reward_scaling_.shift},
        {"scaling/reward_scale", &self.reward_scaling_.scale}};
  }

  WorldModelShape shape_;
  torch::Device device_;
  Mlp next_state_, reward_, terminal_;
  Tensor kept_;                                               // [K] int64
  Tensor state_low_, state_high_, reward_low_, reward_high_;  // [S], [S], [], []
  Scaling input_scaling_, state_scaling_, reward_scaling_;    // [S + E], [S], [1]
};

/// eps_g: Frobenius norm of the members' sample covariance of x [M, B, q + 1], by the M x M Gram
/// matrix: with D the deviations from the mean, ||D^T D||_F = ||D D^T||_F.
LABHOST_API Tensor covariance_norm(const Tensor& x);

}  // namespace labhost
