// Numbers of the reference code, and how they are compared: in double precision, to
// |a - b| <= 1e-9 |b| + 1e-11.
//
// A file holds weights, inputs, settings and outputs; a linear layer's weight is [out, in]. Names
// are JSON pointers: "/outputs/v/grads/agent0.v.fc1.weight".
#pragma once

#include <doctest/doctest.h>
#include <torch/torch.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/nn/mlp.hpp"
#include "core/sdk/random.hpp"

namespace labhost::golden {

using nlohmann::json;

/// New tensors are float64 until the end of the scope.
class DoublePrecision {
 public:
  DoublePrecision() : before_(torch::get_default_dtype()) {
    torch::set_default_dtype(caffe2::TypeMeta::Make<double>());
  }
  ~DoublePrecision() { torch::set_default_dtype(before_); }
  DoublePrecision(const DoublePrecision&) = delete;
  DoublePrecision& operator=(const DoublePrecision&) = delete;

 private:
  caffe2::TypeMeta before_;
};

class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name) {
    const std::string path = std::string(LABHOST_GOLDEN) + "/" + name + ".json";
    std::ifstream file(path);
    REQUIRE_MESSAGE(file.good(), "cannot read ", path);
    file >> root_;
  }

  const json& at(const std::string& pointer) const { return root_.at(json::json_pointer(pointer)); }
  double number(const std::string& pointer) const { return at(pointer).get<double>(); }
  /// The nested list in its own shape.
  Tensor tensor(const std::string& pointer) const {
    std::vector<std::int64_t> shape;
    for (const json* level = &at(pointer); level->is_array(); level = &level->at(0)) {
      shape.push_back(static_cast<std::int64_t>(level->size()));
    }
    std::vector<double> values;
    append(at(pointer), values);
    return torch::tensor(values, torch::kFloat64).view(shape);
  }
  /// A column [B, 1] as [B].
  Tensor column(const std::string& pointer) const { return tensor(pointer).squeeze(-1); }

 private:
  static void append(const json& value, std::vector<double>& values) {
    if (value.is_array()) {
      for (const json& part : value) append(part, values);
    } else {
      values.push_back(value.is_boolean() ? static_cast<double>(value.get<bool>())
                                          : value.get<double>());
    }
  }

  json root_;
};

inline void check_close(const Tensor& found, const Tensor& expected, const std::string& what) {
  REQUIRE_MESSAGE(found.sizes() == expected.sizes(), what, ": another shape");
  REQUIRE_MESSAGE((found.scalar_type() == torch::kFloat64), what, ": not computed in float64");
  const Tensor deviation = (found.detach() - expected).abs();
  const bool close = deviation.le(1e-9 * expected.abs() + 1e-11).all().item<bool>();
  CHECK_MESSAGE(close, what, ": off by up to ", deviation.max().item<double>());
}

inline void check_close(double found, double expected, const std::string& what) {
  check_close(torch::scalar_tensor(found, torch::kFloat64),
              torch::scalar_tensor(expected, torch::kFloat64), what);
}

/// The reference's names of one layer; two names are two heads side by side.
using LayerNames = std::vector<std::vector<std::string>>;

inline const LayerNames kThreeLayers = {{"fc1"}, {"fc2"}, {"fc3"}};
inline const LayerNames kCategorical = {{"fc1"}, {"fc2"}, {"out_layer"}};
inline const LayerNames kGaussianHeads = {{"fc1"}, {"fc2"}, {"mean_layer", "log_std_layer"}};

/// Copy `copy` of a module is the reference's network `prefix`. Where the reference's is narrower
/// (padded observations, absent choices), it is the upper left part of ours, or has the `rows` of
/// our first layer: one for each of its inputs, in its order.
struct Network {
  Mlp* module;
  std::int64_t copy;
  std::string prefix;
  LayerNames layers = kThreeLayers;
  std::vector<std::int64_t> rows = {};
};

inline std::string layer_name(const Network& network, const std::string& layer) {
  return network.prefix.empty() ? layer : network.prefix + "." + layer;
}

/// Weight [in, out] and bias [1, out] of a layer as stored under `section`.
inline std::pair<Tensor, Tensor> stored_layer(const GoldenFile& file, const std::string& section,
                                              const Network& network, std::size_t layer) {
  std::vector<Tensor> weights, biases;
  for (const std::string& name : network.layers[layer]) {
    const std::string pointer = section + "/" + layer_name(network, name);
    weights.push_back(file.tensor(pointer + ".weight").t());
    biases.push_back(file.tensor(pointer + ".bias").unsqueeze(0));
  }
  return {torch::cat(weights, 1), torch::cat(biases, 1)};
}

/// `rows`, or where there are none the first `count`.
inline Tensor live_rows(const std::vector<std::int64_t>& rows, std::int64_t count) {
  if (rows.empty()) return torch::arange(count, torch::kLong);
  REQUIRE_MESSAGE(static_cast<std::int64_t>(rows.size()) == count, "another number of inputs");
  return torch::tensor(rows, torch::kLong);
}

/// The part of a module's [C, in, out] tensor that the reference has.
inline Tensor live_part(const Tensor& ours, std::int64_t copy, const Tensor& stored,
                        const std::vector<std::int64_t>& rows = {}) {
  return ours[copy].narrow(1, 0, stored.size(1)).index_select(0, live_rows(rows, stored.size(0)));
}

/// Writes the reference's values there.
inline void set_live_part(const Tensor& ours, std::int64_t copy, const Tensor& stored,
                          const std::vector<std::int64_t>& rows = {}) {
  Tensor part = ours[copy].narrow(1, 0, stored.size(1));
  part.index_copy_(0, live_rows(rows, stored.size(0)), stored);
}

/// What the reference has must be equal, all else (padding) zero.
inline void check_gradient(const Tensor& gradient, std::int64_t copy, const Tensor& stored,
                           const std::string& what, const std::vector<std::int64_t>& rows = {}) {
  check_close(live_part(gradient, copy, stored, rows), stored, what);
  Tensor padding = gradient.detach().clone();
  set_live_part(padding, copy, torch::zeros_like(stored), rows);
  check_close(padding[copy], torch::zeros_like(padding[copy]), what + " (padding)");
}

/// Rows of a layer's weight: only the first layer's may be listed.
inline std::vector<std::int64_t> rows_of_layer(const Network& network, std::size_t layer) {
  return layer == 0 ? network.rows : std::vector<std::int64_t>();
}

inline void load_networks(const GoldenFile& file, const std::string& section,
                          const std::vector<Network>& networks) {
  const torch::NoGradGuard no_grad;
  for (const Network& network : networks) {
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
      const auto layer = static_cast<std::int64_t>(l);
      const auto [weight, bias] = stored_layer(file, section, network, l);
      set_live_part(network.module->weight(layer), network.copy, weight, rows_of_layer(network, l));
      set_live_part(network.module->bias(layer), network.copy, bias);
    }
  }
}

inline void check_networks(const GoldenFile& file, const std::string& section,
                           const std::vector<Network>& networks) {
  for (const Network& network : networks) {
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
      const auto layer = static_cast<std::int64_t>(l);
      const auto [weight, bias] = stored_layer(file, section, network, l);
      const std::string what = section + " " + layer_name(network, network.layers[l].front());
      check_close(
          live_part(network.module->weight(layer), network.copy, weight, rows_of_layer(network, l)),
          weight, what);
      check_close(live_part(network.module->bias(layer), network.copy, bias), bias, what);
    }
  }
}

/// d loss / d parameters against the stored gradients. What the reference does not have (padding)
/// must have none.
inline void check_gradients(const GoldenFile& file, const std::string& section,
                            const std::vector<Network>& networks, const Tensor& loss) {
  for (const Network& network : networks) {
    // Of all parameters at once: an Mlp computes the gradients of all of them or of none.
    const auto gradients = torch::autograd::grad({loss}, network.module->parameters(), {},
                                                 /*retain_graph=*/true);
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
      const auto [weight, bias] = stored_layer(file, section, network, l);
      const std::string what = section + " " + layer_name(network, network.layers[l].front());
      check_gradient(gradients[2 * l], network.copy, weight, what, rows_of_layer(network, l));
      check_gradient(gradients[2 * l + 1], network.copy, bias, what);
    }
  }
}

/// A generator for initial values that golden ones overwrite.
inline at::Generator any_generator() { return Streams(1).get("overwritten"); }

/// Two agents that see 5 and 3 of 8 components of the state, as in the golden files.
inline TaskSpec team_task(bool discrete, std::int64_t first_size, std::int64_t second_size) {
  TaskSpec task;
  task.name = "golden";
  task.state_width = 8;
  task.horizon = 10;
  task.agents = {{"first", {0, 1, 2, 3, 4}, {discrete, first_size}},
                 {"second", {5, 6, 7}, {discrete, second_size}}};
  return task;
}

/// One agent that sees 5 numbers.
inline TaskSpec single_task(bool discrete, std::int64_t size) {
  TaskSpec task;
  task.name = "golden";
  task.state_width = 5;
  task.horizon = 10;
  task.agents = {{"agent", {0, 1, 2, 3, 4}, {discrete, size}}};
  return task;
}

/// A field of both agents side by side: "observations" gives states [B, 8].
inline Tensor of_both_agents(const GoldenFile& file, const std::string& field) {
  return torch::cat(
      {file.tensor("/inputs/agent0." + field), file.tensor("/inputs/agent1." + field)}, 1);
}

}  // namespace labhost::golden
