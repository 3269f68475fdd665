#include "core/nn/memory.hpp"

#include <ATen/core/LegacyTypeDispatch.h>

#include <algorithm>
#include <cmath>

#include "core/nn/memory_kernels.hpp"

namespace labhost {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kTile = 64;  // histories whose rows stay in the second-level cache

std::vector<std::vector<std::int64_t>> part_shapes(const MemoryShape& s) {
  const std::int64_t d = s.width;
  return {{s.pair, d}, {1, d}, {d, d}, {1, d}, {d, d}, {1, d},
          {d, d},      {1, d}, {1, d}, {1, d}, {d, d}, {1, d}};
}

Tensor sinusoids(const MemoryShape& s) {
  Tensor encoding = torch::empty({s.length, s.width}, torch::kFloat64);
  for (std::int64_t t = 0; t < s.length; ++t) {
    for (std::int64_t i = 0; i < s.width; ++i) {
      const double exponent = static_cast<double>(i - i % 2) / static_cast<double>(s.width);
      const double angle = static_cast<double>(t) / std::pow(10000.0, exponent);
      encoding.data_ptr<double>()[t * s.width + i] = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  }
  return encoding.to(torch::get_default_dtype());
}

/// What a forward pass works with and leaves behind for the backward pass: whole tensors [N, ...],
/// or without gradients one tile that is used again and again.
struct Rows {
  Tensor features;    // [n, b H, 2E]
  Tensor normalised;  // [n, b H, D]
  Tensor y, keys;     // [n, b H, D]; keys after tanh
  Tensor scale;       // [n, b H]
  Tensor weights;     // [n, b H]

  Rows(std::int64_t agents, std::int64_t rows, std::int64_t e, std::int64_t d,
       const torch::TensorOptions& options)
      : features(torch::empty({agents, rows, 2 * e}, options)),
        normalised(torch::empty({agents, rows, d}, options)),
        y(torch::empty({agents, rows, d}, options)),
        keys(torch::empty({agents, rows, d}, options)),
        scale(torch::empty({agents, rows}, options)),
        weights(torch::empty({agents, rows}, options)) {}
  Rows(const variable_list& saved, std::size_t at)
      : features(saved[at]),
        normalised(saved[at + 1]),
        y(saved[at + 2]),
        keys(saved[at + 3]),
        scale(saved[at + 4]),
        weights(saved[at + 5]) {}
  variable_list list() const { return {features, normalised, y, keys, scale, weights}; }
};

/// One agent's tensors of a tile of histories.
struct Tile {
  Tensor features, normalised, y, keys, scale, weights;
  Tile(const Rows& rows, std::int64_t agent, std::int64_t first, std::int64_t count)
      : features(rows.features.select(0, agent).narrow(0, first, count)),
        normalised(rows.normalised.select(0, agent).narrow(0, first, count)),
        y(rows.y.select(0, agent).narrow(0, first, count)),
        keys(rows.keys.select(0, agent).narrow(0, first, count)),
        scale(rows.scale.select(0, agent).narrow(0, first, count)),
        weights(rows.weights.select(0, agent).narrow(0, first, count)) {}
};

/// What the parameters amount to: see MemoryEncoder's note.
struct Folded {
  Tensor g;            // [N, E, E]
  Tensor mix;          // [N, 2E, D]
  Tensor gain, shift;  // [N, 1, D]
  Tensor soft_key;     // [N, D, D]
  Tensor soft_query;   // [N, 1, D]

  explicit Folded(const variable_list& list)
      : g(list[0]),
        mix(list[1]),
        gain(list[2]),
        shift(list[3]),
        soft_key(list[4]),
        soft_query(list[5]) {}
};

Tensor encode(const Tensor& history, const Folded& folded, Rows& rows, bool keep) {
  const std::int64_t agents = history.size(0), batch = history.size(1), pairs = history.size(2),
                     numbers = history.size(3), d = folded.gain.size(2), e = folded.g.size(1);
  Tensor embedding = torch::empty({agents, batch, d}, history.options());
  AT_DISPATCH_FLOATING_TYPES(history.scalar_type(), "memory", [&] {
    for (std::int64_t n = 0; n < agents; ++n) {
      const auto at = [n](const Tensor& all) {
        return all.data_ptr<scalar_t>() + n * all.stride(0);
      };
      for (std::int64_t first = 0; first < batch; first += kTile) {
        const kernels::MemoryTile size{std::min(kTile, batch - first), pairs, numbers, e, d};
        Tile t(rows, keep ? n : 0, keep ? first * pairs : 0, size.batch * pairs);
        kernels::attend(size, at(history) + first * pairs * numbers, at(folded.g),
                        t.features.data_ptr<scalar_t>());
        at::mm_out(t.normalised, t.features, folded.mix.select(0, n));
        kernels::normalise(size, t.normalised.data_ptr<scalar_t>(), at(folded.gain),
                           at(folded.shift), t.y.data_ptr<scalar_t>(),
                           t.scale.data_ptr<scalar_t>());
        at::mm_out(t.keys, t.y, folded.soft_key.select(0, n));
        kernels::pool(size, t.keys.data_ptr<scalar_t>(), t.y.data_ptr<scalar_t>(),
                      at(folded.soft_query), t.weights.data_ptr<scalar_t>(),
                      at(embedding) + first * d);
      }
    }
  });
  return embedding;
}

/// Gradients of the folded parameters.
variable_list encode_backward(const Tensor& gradient, const Tensor& history, const Folded& folded,
                              const Rows& rows) {
  const std::int64_t agents = history.size(0), batch = history.size(1), pairs = history.size(2),
                     numbers = history.size(3), d = folded.gain.size(2), e = folded.g.size(1);
  const auto options = history.options();
  Folded into({torch::zeros_like(folded.g), torch::zeros_like(folded.mix),
               torch::zeros_like(folded.gain), torch::zeros_like(folded.shift),
               torch::zeros_like(folded.soft_key), torch::zeros_like(folded.soft_query)});
  const std::int64_t most = std::min(kTile, batch) * pairs;
  const Tensor all_keys = torch::empty({most, d}, options),
               all_y = torch::empty({most, d}, options),
               all_mixed = torch::empty({most, e}, options),
               all_z = torch::empty({most, e}, options);
  AT_DISPATCH_FLOATING_TYPES(history.scalar_type(), "memory_backward", [&] {
    for (std::int64_t n = 0; n < agents; ++n) {
      const auto at = [n](const Tensor& all) {
        return all.data_ptr<scalar_t>() + n * all.stride(0);
      };
      Tensor soft_key = into.soft_key.select(0, n), mix = into.mix.select(0, n),
             g = into.g.select(0, n);
      for (std::int64_t first = 0; first < batch; first += kTile) {
        const kernels::MemoryTile size{std::min(kTile, batch - first), pairs, numbers, e, d};
        const std::int64_t count = size.batch * pairs;
        const Tile t(rows, n, first * pairs, count);
        Tensor dkeys = all_keys.narrow(0, 0, count), dy = all_y.narrow(0, 0, count),
               dmixed = all_mixed.narrow(0, 0, count), z = all_z.narrow(0, 0, count);
        kernels::pool_backward(size, at(gradient) + first * d, t.keys.data_ptr<scalar_t>(),
                               t.y.data_ptr<scalar_t>(), at(folded.soft_query),
                               t.weights.data_ptr<scalar_t>(), dkeys.data_ptr<scalar_t>(),
                               dy.data_ptr<scalar_t>(), at(into.soft_query));
        soft_key.addmm_(t.y.t(), dkeys);
        dy.addmm_(dkeys, folded.soft_key.select(0, n).t());
        kernels::normalise_backward(size, dy.data_ptr<scalar_t>(),
                                    t.normalised.data_ptr<scalar_t>(), at(folded.gain),
                                    t.scale.data_ptr<scalar_t>(), at(into.gain), at(into.shift));
        mix.addmm_(t.features.t(), dy);
        at::mm_out(dmixed, dy, folded.mix.select(0, n).narrow(0, e, e).t());
        kernels::attend_backward(size, t.features.data_ptr<scalar_t>(), dmixed.data_ptr<scalar_t>(),
                                 z.data_ptr<scalar_t>());
        g.addmm_(t.features.narrow(1, 0, e).t(), z);
      }
    }
  });
  return {into.g, into.mix, into.gain, into.shift, into.soft_key, into.soft_query};
}

/// The encoder as one autograd node. Inputs: histories, then the folded parameters.
struct MemoryFunction : torch::autograd::Function<MemoryFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& history, at::TensorList folded) {
    const at::AutoDispatchBelowADInplaceOrView below;
    variable_list saved = {history};
    saved.insert(saved.end(), folded.begin(), folded.end());
    const Folded parts(folded.vec());
    Rows rows(history.size(0), history.size(1) * history.size(2), parts.g.size(1),
              parts.gain.size(2), history.options());
    const Tensor embedding = encode(history, parts, rows, /*keep=*/true);
    for (const Tensor& kept : rows.list()) saved.push_back(kept);
    context->save_for_backward(saved);
    return embedding;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    TORCH_CHECK(!context->needs_input_grad(0), "histories have no gradient");
    const at::AutoDispatchBelowADInplaceOrView below;
    const variable_list saved = context->get_saved_variables();
    const variable_list folded(saved.begin() + 1, saved.begin() + 7);
    variable_list result =
        encode_backward(gradients[0].contiguous(), saved[0], Folded(folded), Rows(saved, 7));
    result.insert(result.begin(), Tensor());
    return result;
  }
};

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return torch::matmul(x, weight.unsqueeze(1)) + bias.unsqueeze(1);
}

}  // namespace

MemoryEncoder::MemoryEncoder(std::int64_t agents, const MemoryShape& shape, torch::Device device,
                             at::Generator generator, const std::vector<std::int64_t>& live)
    : FlatModule(agents, part_shapes(shape), device),
      shape_(shape),
      features_((shape.pair + shape.length + kernels::kLanes - 1) / kernels::kLanes *
                kernels::kLanes),
      encoding_(sinusoids(shape).to(device)),
      position_(torch::zeros({1, features_, 1}, torch::get_default_dtype())) {
  position_.narrow(1, shape.pair, shape.length).fill_(1);
  position_ = position_.to(device);
  const torch::NoGradGuard no_grad;
  for (std::int64_t agent = 0; agent < agents; ++agent) {
    for (const Part linear : {kEmbed, kQuery, kKey, kValue, kSoftKey}) {
      std::int64_t inputs = linear == kEmbed ? shape.pair : shape.width;
      if (linear == kEmbed && !live.empty()) inputs = live[static_cast<std::size_t>(agent)];
      const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
      // The soft keys have no bias; the other layers' biases follow their weights.
      for (int p = linear; p <= (linear == kSoftKey ? linear : linear + 1); ++p) {
        Tensor own = part(static_cast<Part>(p))[agent];
        own.copy_(torch::empty(own.sizes()).uniform_(-bound, bound, generator));
      }
    }
    Tensor gain = part(kGain)[agent], query = part(kSoftQuery)[agent];
    gain.fill_(1);
    query.copy_(torch::randn(query.sizes(), generator));
  }
}

bool MemoryEncoder::fits_kernels(const Tensor& history) const {
  const std::int64_t across =
      (shape_.length + kernels::kLanes - 1) / kernels::kLanes * kernels::kLanes;
  return history.is_cpu() && across <= kernels::kMaxPairs &&
         shape_.pair * across + features_ <= kernels::kStackNumbers;
}

Tensor MemoryEncoder::forward(const Tensor& history) const {
  if (!fits_kernels(history)) return forward_as_written(history);
  const std::int64_t padding = features_ - shape_.pair - shape_.length;
  const Tensor places = part(kEmbedBias) + encoding_;  // [N, H, D]
  const Tensor x = torch::constant_pad_nd(torch::cat({part(kEmbed), places}, 1),
                                          {0, 0, 0, padding});  // [N, E, D]
  const auto of_feature = [&](Part weight, Part bias) {
    return torch::baddbmm(position_ * part(bias), x, part(weight));
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape_.width));
  const Tensor g = torch::bmm(of_feature(kQuery, kQueryBias) * scale,
                              of_feature(kKey, kKeyBias).transpose(1, 2));  // [N, E, E]
  const Tensor mix = torch::cat({x, of_feature(kValue, kValueBias)}, 1);    // [N, 2E, D]
  const variable_list folded = {
      g, mix, part(kGain), part(kShift), part(kSoftKey), part(kSoftQuery)};
  if (torch::GradMode::is_enabled()) {
    return MemoryFunction::apply(history.contiguous(), at::TensorList(folded));
  }
  Rows rows(1, std::min(kTile, history.size(1)) * history.size(2), features_, shape_.width,
            history.options());
  return encode(history.contiguous(), Folded(folded), rows, /*keep=*/false);
}

Tensor MemoryEncoder::forward_as_written(const Tensor& history) const {
  const Tensor x = linear(history, part(kEmbed), part(kEmbedBias)) + encoding_;  // [N, B, H, D]
  const Tensor query = linear(x, part(kQuery), part(kQueryBias)),
               key = linear(x, part(kKey), part(kKeyBias)),
               value = linear(x, part(kValue), part(kValueBias));
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape_.width));
  const Tensor attention = torch::softmax(torch::matmul(query, key.transpose(2, 3)) * scale, -1);
  const Tensor y = torch::layer_norm(x + torch::matmul(attention, value), {shape_.width}) *
                       part(kGain).unsqueeze(1) +
                   part(kShift).unsqueeze(1);
  const Tensor score =
      (torch::tanh(torch::matmul(y, part(kSoftKey).unsqueeze(1))) * part(kSoftQuery).unsqueeze(1))
          .sum(-1);                                             // [N, B, H]
  return (torch::softmax(score, -1).unsqueeze(-1) * y).sum(2);  // [N, B, D]
}

}  // namespace labhost
