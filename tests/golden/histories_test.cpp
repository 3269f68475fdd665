// Histories against the released code.  02b.
#include "core/nn/history.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

TEST_CASE("02b: histories of dataset rows and of a rollout") {
  const DoublePrecision doubles;
  const GoldenFile file("02b_histories");
  TaskSpec task;
  task.name = "golden";
  task.state_width = 3;
  task.agents = {{"agent", {0, 1, 2}, {/*discrete=*/false, 2}}};
  Transitions data;
  data.state = file.tensor("/inputs/observations");
  data.action = file.tensor("/inputs/actions");
  data.terminal = file.column("/inputs/masks").eq(0);
  data.timeout = file.column("/inputs/time_out_masks").eq(0);
  data.reward = torch::zeros({12});
  const Histories histories(task, data, 3);
  const Tensor rows = torch::arange(12);
  check_close(histories.before(rows)[0], file.tensor("/outputs/history_memories"), "before");
  check_close(histories.after(rows)[0], file.tensor("/outputs/next_history_memories"), "after");
  check_close(histories.append(file.tensor("/inputs/rollout.histories").unsqueeze(0),
                               file.tensor("/inputs/rollout.observations").unsqueeze(0),
                               file.tensor("/inputs/rollout.actions"))[0],
              file.tensor("/outputs/rollout.next_histories"), "rollout");
}

}  // namespace labhost::golden
