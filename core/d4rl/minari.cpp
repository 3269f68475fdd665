#include "core/d4rl/minari.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/d4rl/large_tensor.hpp"
#include "core/d4rl/values.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

constexpr const char* kDataFile =
    "main_data.hdf5";  // what Minari calls it, metadata.json beside it

std::string count(std::int64_t value) { return std::to_string(value); }

/// N of "episode_N".
std::optional<std::int64_t> episode_number(const std::string& name) {
  constexpr std::string_view kPrefix = "episode_";
  if (name.rfind(kPrefix, 0) != 0) return std::nullopt;
  const char *begin = name.data() + kPrefix.size(), *end = name.data() + name.size();
  std::int64_t number = -1;
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end || number < 0) return std::nullopt;
  return number;
}

/// One episode's datasets, opened and checked against each other.
struct Episode {
  Episode(const InputFile& file, const std::string& group, const D4rlOptions& options)
      : observations(file, group + "/observations"),
        actions(file, group + "/actions"),
        rewards(file, group + "/rewards"),
        terminations(file, group + "/terminations"),
        truncations(file, group + "/truncations") {
    require_matrix(observations, options.state_width, std::numeric_limits<std::int64_t>::max());
    require_matrix(actions, options.action_width, options.action_width);
    for (const StoredArray* array : {&rewards, &terminations, &truncations}) require_column(*array);
    for (const StoredArray* array : {&actions, &terminations, &truncations}) {
      if (array->rows() == rewards.rows()) continue;
      array->fail("expected " + count(rewards.rows()) + " rows as in 'rewards', found " +
                  count(array->rows()));
    }
    if (observations.rows() != rewards.rows() + 1) {
      observations.fail("expected " + count(rewards.rows() + 1) +
                        " rows, one more than 'rewards' has (the state after each step, and the "
                        "one before the first), found " +
                        count(observations.rows()));
    }
  }

  std::vector<const StoredArray*> arrays() const {
    return {&observations, &actions, &rewards, &terminations, &truncations};
  }

  StoredArray observations, actions, rewards, terminations, truncations;
};

/// An episode ends in its last row, and in no other. Bool [T].
Tensor read_end(const StoredArray& array) {
  Tensor flags = read_flags(array, array.rows());
  const bool* flag = flags.data_ptr<bool>();
  const std::int64_t set = std::find(flag, flag + array.rows(), true) - flag;
  if (set + 1 < array.rows()) {
    array.fail("expected it to be set in the episode's last row only, found it in row " +
               count(set) + " of " + count(array.rows()));
  }
  return flags;
}

/// What is said of the whole dataset beside its file; empty where nothing is.
nlohmann::json metadata_beside(const InputFile& file) {
  if (file.path().filename() != kDataFile) return nlohmann::json::object();
  const std::filesystem::path beside = file.path().parent_path() / "metadata.json";
  std::ifstream stream(beside);
  if (!stream) return nlohmann::json::object();
  nlohmann::json metadata = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (metadata.is_object()) return metadata;
  throw InputError(beside.string() +
                   ": expected a JSON object as Minari writes it, found something else; move it "
                   "away to read the data without it");
}

/// Numbers below the highest that no episode has.
std::string missing_episodes(const std::vector<std::string>& groups) {
  constexpr std::size_t kMost = 5;
  std::string text;
  std::size_t found = 0;
  std::int64_t expected = 0;
  for (const std::string& group : groups) {
    for (const std::int64_t number = *episode_number(group); expected < number; ++expected) {
      if (++found > kMost) return text + ", ...";
      text += (found > 1 ? ", " : "") + count(expected);
    }
    ++expected;
  }
  return text;
}

void require_total(const InputFile& file, const nlohmann::json& metadata, const std::string& name,
                   std::int64_t found, const std::string& missing) {
  const auto require = [&](std::int64_t expected, const std::string& source) {
    if (expected == found) return;
    throw InputError(
        file.path().string() + ": expected " + count(expected) + " as '" + name + "' of " + source +
        " says, found " + count(found) + (missing.empty() ? "" : "; missing: episodes " + missing) +
        ". Get the whole dataset again, or, where what is there is all that is wanted, "
        "correct that number");
  };
  if (const auto said = file.integer_attribute(name)) require(*said, "the file's attributes");
  const auto beside = metadata.find(name);
  if (beside != metadata.end() && beside->is_number_integer()) {
    require(beside->get<std::int64_t>(), "metadata.json beside it");
  }
}

/// Datasets that were never written, by field, and in how many episodes.
using Unwritten = std::map<std::string, std::int64_t>;

void note_unwritten(const Episode& episode, Unwritten& unwritten) {
  for (const StoredArray* array : episode.arrays()) {
    if (!never_written(*array, array->rows())) continue;
    ++unwritten[array->key().substr(array->key().find('/') + 1)];
  }
}

/// Rows [first, first + steps) of the result.
void read_episode(const Episode& episode, const D4rlOptions& options, std::int64_t first,
                  Transitions& data) {
  const std::int64_t steps = episode.rewards.rows();
  const Extent all{steps, steps}, states{steps + 1, steps + 1};
  const auto rows = [&](Tensor& field) { return field.narrow(0, first, steps); };
  rows(data.terminal).copy_(read_end(episode.terminations));
  rows(data.timeout).copy_(read_end(episode.truncations));
  rows(data.reward).copy_(read_reals(episode.rewards, all, 0));
  rows(data.action).copy_(read_reals(episode.actions, all, options.action_width));
  const Tensor state = read_reals(episode.observations, states, options.state_width);
  rows(data.state).copy_(state.narrow(0, 0, steps));
  rows(data.next_state).copy_(state.narrow(0, 1, steps));
}

}  // namespace

std::vector<std::string> minari_episodes(const InputFile& file) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const std::string& name : file.names()) {
    if (const auto number = episode_number(name)) found.emplace_back(*number, name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> groups;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i > 0 && found[i].first == found[i - 1].first) {
      file.fail(found[i].second,
                "expected one episode of a number, found '" + groups.back() + "' too");
    }
    groups.push_back(found[i].second);
  }
  return groups;
}

MinariLayout::MinariLayout(const InputFile& file, const D4rlOptions& options)
    : file_(file), options_(options), groups_(minari_episodes(file)) {
  for (const std::string& group : groups_) {
    const StoredArray rewards(file, group + "/rewards");
    if (rewards.rows() > options.horizon) {
      file.fail(group, "expected an episode of at most " + count(options.horizon) +
                           " steps, found " + count(rewards.rows()) +
                           "; where the task has longer ones, set its environment's `horizon` "
                           "(labhost datasets: --env NAME --set horizon=N)");
    }
    steps_.push_back(rewards.rows());
  }
}

void MinariLayout::check_chunks() const {
  for (const std::string& group : groups_) {
    const Episode episode(file_, group, options_);
    episode.observations.check_chunks(options_.state_width);
    episode.actions.check_chunks(options_.action_width);
    for (const StoredArray* array :
         {&episode.rewards, &episode.terminations, &episode.truncations}) {
      array->check_chunks(1);
    }
  }
}

void MinariLayout::read(D4rlData& result) const {
  const auto episodes = static_cast<std::int64_t>(groups_.size());
  const std::int64_t rows = std::accumulate(steps_.begin(), steps_.end(), std::int64_t{0});
  const nlohmann::json metadata = metadata_beside(file_);
  const std::string missing = missing_episodes(groups_);
  require_total(file_, metadata, "total_episodes", episodes, missing);
  require_total(file_, metadata, "total_steps", rows, missing);
  if (!missing.empty()) result.notes.push_back("there are no episodes " + missing);
  for (const auto& [key, value] : metadata.items()) {
    const bool shape = key == "observation_space" || key == "action_space";
    if (value.is_string() && !shape) result.attributes.emplace(key, value.get<std::string>());
  }
  result.layout = "Minari, " + count(episodes) + " episodes";
  result.rows = rows;
  result.next_states_stored = result.timeouts_stored = true;
  read_rows(result);
  if (options_.keep_record) {
    const Transitions& data = result.transitions;
    result.record = {data.reward.clone(), data.terminal.clone(), data.timeout.clone()};
  }
}

void MinariLayout::read_rows(D4rlData& result) const {
  Transitions& data = result.transitions;
  const std::int64_t rows = result.rows;
  data.state = empty_values({rows, options_.state_width});
  data.next_state = empty_values({rows, options_.state_width});
  data.action = empty_values({rows, options_.action_width});
  data.reward = empty_values({rows});
  data.terminal = torch::empty({rows}, torch::kBool);
  data.timeout = torch::empty({rows}, torch::kBool);
  Unwritten unwritten;
  std::int64_t first = 0, open = 0;  // open: episodes that neither terminate nor are truncated
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Episode episode(file_, groups_[i], options_);
    if (episode.rewards.rows() != steps_[i]) file_.fail(groups_[i], "it changed while it was read");
    read_episode(episode, options_, first, data);
    note_unwritten(episode, unwritten);
    first += steps_[i];
    result.partial_tail =
        !data.terminal.data_ptr<bool>()[first - 1] && !data.timeout.data_ptr<bool>()[first - 1];
    if (!result.partial_tail) continue;
    data.timeout.data_ptr<bool>()[first - 1] = true;
    ++open;
  }
  for (const auto& [field, episodes] : unwritten) {
    result.notes.push_back("'" + field + "' was never written in " + count(episodes) +
                           " episodes: read as its fill value");
  }
  if (open > 0) {
    result.notes.push_back(count(open) +
                           " episodes neither terminate nor are truncated: their last row gets a "
                           "timeout");
  }
}

}  // namespace labhost
