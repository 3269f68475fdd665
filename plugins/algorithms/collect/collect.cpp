// Collects a dataset: teams that other runs have trained, or teams of policy files, play in the
// simulator, and what they do is written down in D4RL's layout.  Section 5.1, Table 2.
//
// One update is one round: each team plays `transitions` transitions, or its share of them. Nothing
// is learned and there is no policy to evaluate; the run's score is the mean normalised return of
// the whole episodes.
// Symbols: C copies, T steps per copy, S state, W joint action.
// Differences: 1. The paper samples a million transitions of each team and keeps half; here no more
// are played than are kept.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "core/d4rl/writer.hpp"
#include "core/nn/team_file.hpp"
#include "core/nn/uniform_policy.hpp"
#include "core/sdk/algorithm.hpp"
#include "plugins/algorithms/collect/play.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"transitions", ParamType::kInteger, "500000", "1", "1000000000", nullptr, "transitions",
     "of each team per update, on average where they have shares; rounded up to whole steps of all "
     "copies",
     "Section 5.1"},
    {"copies", ParamType::kInteger, "10", "1", "100000", nullptr, "copies",
     "of the simulator, stepped together; the last episode of each is cut by a timeout", "ours"},
    {"actions", ParamType::kText, "sampled", nullptr, nullptr, "sampled|greedy", "",
     "how a team acts", "Section 5.1"},
    {"noise", ParamType::kReal, "0", "0", nullptr, nullptr, "",
     "standard deviation of Gaussian noise on a team's actions, before they are clipped", "ours"},
    {"policies", ParamType::kFiles, "", nullptr, nullptr, nullptr, "",
     "policy files whose teams play, instead of teams of needed runs", "ours"},
    {"shares", ParamType::kReals, "", "0", nullptr, nullptr, "",
     "of the policies in the transitions, relative to each other; empty: equal", "ours"},
    {"snapshot", ParamType::kText, "final", nullptr, nullptr, nullptr, "",
     "which of a run's teams plays, by the name under which the run keeps it; replay: nobody "
     "plays, "
     "what the run itself collected is taken",
     "D4RL"},
    {"opposite_measure", ParamType::kText, "", nullptr, nullptr, nullptr, "",
     "a measure of the task (\"elbow\") whose sign the two teams must differ in; empty: none",
     "Section 5.1"},
    {"opposite_share", ParamType::kReal, "0.8", "0.5", "1", nullptr, "",
     "share of its states in which a team must have its sign", "ours"},
};

using collect::Play;

class Collect final : public Algorithm {
 public:
  explicit Collect(const AlgorithmContext& c)
      : task_(c.task),
        copies_(c.params.integer("copies")),
        transitions_(c.params.integer("transitions")),
        greedy_(c.params.text("actions") == "greedy"),
        noise_(c.params.real("noise")),
        snapshot_(c.params.text("snapshot")),
        opposite_measure_(c.params.text("opposite_measure")),
        opposite_share_(c.params.real("opposite_share")),
        roles_(c.needs) {
    if (snapshot_ != "final" && roles_.empty()) {
      throw InputError("collect: snapshot = \"" + snapshot_ +
                       "\" is of a run that has finished; name it in needs");
    }
    if (snapshot_ == "replay" && c.total_steps > 1) {
      throw InputError(
          "collect: snapshot = \"replay\" is the same in every round; expected steps = 1, found " +
          std::to_string(c.total_steps));
    }
    if (snapshot_ == "replay") {
      for (const std::string& role : roles_) replays_.push_back(replay_of(c.finished(role), role));
      return;
    }
    find_teams(c);
    find_shares(c.params.reals("shares"));
    environment_ = c.make_environment(copies_, "collect");
    if (noise_ > 0) noise_generator_ = c.streams.get("noise");
  }

  // --- update: one round ------------------------------------------------------------------------

  Metrics update() override {
    std::vector<Play> plays;
    if (snapshot_ == "replay") {
      for (const Transitions& data : replays_) plays.push_back(collect::replayed(data));
    } else {
      for (std::size_t i = 0; i < teams_.size(); ++i) {
        plays.push_back(collect::play(*environment_, *teams_[i], copies_, steps_[i],
                                      {noise_, noise_generator_}));
      }
    }
    require_opposite(plays);
    for (Play& play : plays) parts_.push_back(std::move(play.data));
    return report(plays);
  }

  std::unique_ptr<Policy> policy(bool, at::Generator) override { return nullptr; }

  // --- save, load, the file ---------------------------------------------------------------------

  void save(Archive& archive) const override {
    if (!parts_.empty()) collect::write(archive, "data", whole());
    archive.write("returns", torch::tensor(returns_, torch::kFloat64));
    if (environment_) environment_->save(archive, "environment");
  }
  void load(const Archive& archive) override {
    if (archive.contains("data/state")) parts_ = {collect::read(archive, "data")};
    const Tensor returns = archive.tensor("returns").contiguous();
    returns_.assign(returns.data_ptr<double>(), returns.data_ptr<double>() + returns.numel());
    if (environment_) environment_->load(archive, "environment");
  }

  void write_artifact(const std::filesystem::path& file) const override {
    std::string teams;
    for (const std::string& role : roles_) teams += (teams.empty() ? "" : ", ") + role;
    std::map<std::string, std::string> attributes = {
        {"task", task_.name},
        {"teams", teams},
        {"snapshot", snapshot_},
        {"actions", greedy_ ? "greedy" : "sampled"},
        {"copies", std::to_string(copies_)},
        {"noise", real_text(noise_)},
        {"transitions", steps_text()},
    };
    for (const auto& [name, value] : collect::score_distribution(task_, returns_)) {
      attributes[name] = std::to_string(value);
    }
    write_d4rl(file, whole(), attributes);
  }
  const char* artifact_ending() const override { return ".hdf5"; }

 private:
  static std::string real_text(double value) {
    std::ostringstream text;
    text << std::setprecision(17) << value;
    return text.str();
  }

  /// Transitions of each team in a round, in their order: "750000, 250000".
  std::string steps_text() const {
    std::string text;
    for (const std::int64_t steps : steps_) {
      text += (text.empty() ? "" : ", ") + std::to_string(steps * copies_);
    }
    return text;
  }

  /// Of the needed runs, of the policy files, or one that acts at random.
  void find_teams(const AlgorithmContext& c) {
    const std::vector<std::string> files = c.params.files("policies");
    if (!files.empty() && !roles_.empty()) {
      throw InputError("collect: expected teams from `policies` or from needs, found both");
    }
    for (const std::string& role : roles_) {
      teams_.push_back(
          c.finished(role).snapshot(snapshot_, greedy_, c.streams.get("team/" + role, c.device)));
    }
    // By their places in the list: a file's name is no part of the run's identity.
    for (std::size_t i = 0; i < files.size(); ++i) {
      roles_.push_back(std::to_string(i));
      teams_.push_back(team_from_file(TensorFile::load(files[i]), files[i], task_, greedy_,
                                      c.streams.get("team/" + roles_.back())));
    }
    if (!roles_.empty()) return;
    roles_ = {"uniform"};
    teams_.push_back(std::make_unique<UniformPolicy>(task_, c.streams.get("uniform")));
  }

  /// Steps of all copies that each team plays.
  void find_shares(std::vector<double> shares) {
    const std::size_t teams = teams_.size();
    if (shares.empty()) shares.assign(teams, 1);
    double sum = 0;
    for (const double share : shares) sum += share;
    const bool above_zero =
        std::all_of(shares.begin(), shares.end(), [](double share) { return share > 0; });
    if (shares.size() != teams || !above_zero || !std::isfinite(sum)) {
      throw InputError("collect: expected " + std::to_string(teams) +
                       " finite shares above 0, one per team, found " +
                       std::to_string(shares.size()) + " with the sum " + real_text(sum));
    }
    for (const double share : shares) {
      const double own = static_cast<double>(transitions_) * static_cast<double>(teams) *
                         (share / sum) / static_cast<double>(copies_);
      steps_.push_back(std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(own - 1e-9))));
    }
  }

  Transitions replay_of(const Algorithm& algorithm, const std::string& role) const {
    auto data = algorithm.replay();
    if (data && data->state.size(1) == task_.state_width &&
        data->action.size(1) == task_.joint_width()) {
      return data->to(torch::kCPU);
    }
    throw InputError(
        "collect: the run behind '" + role +
        (data ? "' was made on a task of another shape" : "' keeps nothing of what it collected"));
  }

  Transitions whole() const {
    const auto joined = [this](Tensor Transitions::*field) {
      std::vector<Tensor> parts;
      for (const Transitions& part : parts_) parts.push_back(part.*field);
      return torch::cat(parts);
    };
    return {joined(&Transitions::state),    joined(&Transitions::action),
            joined(&Transitions::reward),   joined(&Transitions::next_state),
            joined(&Transitions::terminal), joined(&Transitions::timeout)};
  }

  /// Two teams with opposite signs of the measure, or the data is not what it is meant to be.
  void require_opposite(const std::vector<Play>& plays) const {
    if (opposite_measure_.empty()) return;
    std::string found;
    std::vector<double> shares;
    for (std::size_t i = 0; i < plays.size(); ++i) {
      const auto measure = plays[i].positive_share.find(opposite_measure_);
      if (measure == plays[i].positive_share.end()) {
        throw InputError("collect: task '" + task_.name + "' has no measure '" + opposite_measure_ +
                         "'");
      }
      shares.push_back(measure->second);
      found += (i > 0 ? ", " : "") + roles_[i] + " " + std::to_string(measure->second);
    }
    const bool opposite = shares.size() == 2 && std::max(shares[0], shares[1]) >= opposite_share_ &&
                          std::min(shares[0], shares[1]) <= 1 - opposite_share_;
    if (opposite) return;
    throw InputError("collect: expected two teams with opposite signs of '" + opposite_measure_ +
                     "' in at least " + std::to_string(opposite_share_) +
                     " of their states, found these shares above 0: " + found);
  }

  Metrics report(const std::vector<Play>& plays) {
    Metrics metrics;
    std::int64_t transitions = 0;
    for (std::size_t i = 0; i < plays.size(); ++i) {
      const Play& play = plays[i];
      for (const auto& [name, share] : play.positive_share) {
        metrics.add("dataset/" + roles_[i] + "/" + name + "_positive", share);
      }
      for (const auto& [name, value] : collect::score_distribution(task_, play.returns)) {
        metrics.add("dataset/" + roles_[i] + "/" + name, value);
      }
      returns_.insert(returns_.end(), play.returns.begin(), play.returns.end());
    }
    for (const Transitions& part : parts_) transitions += part.size();
    metrics.add("dataset/transitions", static_cast<double>(transitions));
    metrics.add("dataset/trajectories", static_cast<double>(returns_.size()));
    for (const auto& [name, value] : collect::score_distribution(task_, returns_)) {
      metrics.add("dataset/" + name, value);
      if (name == "score_mean") metrics.add("eval/score", value);
    }
    return metrics;
  }

  const TaskSpec task_;
  const std::int64_t copies_, transitions_;
  const bool greedy_;
  const double noise_;
  const std::string snapshot_, opposite_measure_;
  const double opposite_share_;
  std::vector<std::string> roles_;
  std::unique_ptr<Environment> environment_;
  std::vector<std::unique_ptr<Policy>> teams_;
  std::vector<std::int64_t> steps_;  // of all copies, by team
  at::Generator noise_generator_;    // undefined without noise
  std::vector<Transitions> replays_;
  std::vector<Transitions> parts_;  // team after team, round after round
  std::vector<double> returns_;     // of whole episodes
};

}  // namespace

}  // namespace labhost

LABHOST_ONLINE_ALGORITHM(
    labhost::Collect, "collect", "2.0.0",
    "Writes down what teams of finished runs or of policy files do, as a dataset", labhost::kParams,
    "dataset");
