// The memory against the released code.  02a.
#include "core/nn/memory.hpp"

#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

namespace {

using Encode = Tensor (MemoryEncoder::*)(const Tensor&) const;

/// The positional encoding is no parameter and private; it shows in every embedding. The gradient
/// with respect to the history is left out: nothing asks for it, since histories are data, and the
/// encoder refuses to compute it.
void check_encoder(const MemoryEncoder& encoder, Encode encode, const GoldenFile& file,
                   const Memory& memory) {
  const Tensor history = file.tensor("/inputs/history").unsqueeze(0);
  const Tensor embedding = (encoder.*encode)(history)[0];
  check_close(embedding, file.tensor("/outputs/embedding"), "embedding");
  check_gradients(file, "/outputs/grad_of_sum", {memory}, embedding.sum());
  const Tensor weighted = (embedding * file.tensor("/inputs/cotangent")).sum();
  check_close(weighted, file.tensor("/outputs/weighted_sum"), "weighted sum");
  check_gradients(file, "/outputs/grad_of_weighted_sum", {memory}, weighted);
}

}  // namespace

TEST_CASE("02a: embeddings and gradients of the memory, fused and as written") {
  const DoublePrecision doubles;
  const GoldenFile file("02a_memory_encoder");
  MemoryEncoder encoder(1, {7, 3, 8}, torch::kCPU, any_generator());
  const Memory memory{&encoder, 0, ""};
  load_memories(file, "/weights", {memory});
  SUBCASE("fused") { check_encoder(encoder, &MemoryEncoder::forward, file, memory); }
  SUBCASE("as written") {
    check_encoder(encoder, &MemoryEncoder::forward_as_written, file, memory);
  }
  SUBCASE("fused, without gradients") {
    const torch::NoGradGuard no_grad;
    check_close(encoder.forward(file.tensor("/inputs/history").unsqueeze(0))[0],
                file.tensor("/outputs/embedding"), "embedding");
  }
}

}  // namespace labhost::golden
