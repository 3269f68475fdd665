// Whatever bytes a tensor file has, from_bytes() returns what can be written again, or throws
// InputError; a team is read from it or refused.
#include <cstdint>
#include <stdexcept>

#include "core/nn/team_file.hpp"

namespace {

labhost::TaskSpec small_task() {
  labhost::TaskSpec task;
  task.name = "uneven";
  task.state_width = 3;
  task.horizon = 5;
  task.agents = {{"a", {0, 1, 2}, {/*discrete=*/false, 1}}, {"b", {2}, {false, 2}}};
  return task;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const labhost::TaskSpec task = small_task();
  try {
    const auto file =
        labhost::TensorFile::from_bytes({reinterpret_cast<const char*>(bytes), size}, "fuzz");
    const std::string again = file.to_bytes();
    const auto read = labhost::TensorFile::from_bytes(again, "fuzz");
    if (read.tensors.size() != file.tensors.size() || read.to_bytes() != again) {
      throw std::logic_error("a tensor file changed when it was written again");
    }
    const auto policy = labhost::team_from_file(file, "fuzz", task, true, at::Generator());
    const auto action = policy->act(torch::zeros({2}, torch::kLong), torch::zeros({2, 3}));
    if (action.size(1) != 3) throw std::logic_error("a team moves another number of components");
  } catch (const labhost::InputError&) {
    return 0;
  }
  return 0;
}
