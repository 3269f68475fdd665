// Four-agent Ant: one agent per leg; the team is paid for running forward.  Section 5.2, Figure 3.
// Physics, reward and resets of gym's Ant-v2, which D4RL recorded.
//
// Agents stand in the order of the actuators (legs 4, 1, 2, 3), so that a joint action is a row of
// a D4RL file. Agents and legs: 1 front left, 2 front right, 3 back left, 4 back right.
// Differences: 1. The released code pairs each leg's observation with the neighbouring leg's
// motors; the paper says that an agent observes what it moves (the default; `pairing =
// "released-code"`).
#include <algorithm>
#include <array>
#include <numeric>

#include "core/mujoco/environment.hpp"
#include "plugins/envs/ant/ant_xml.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"observation", ParamType::kText, "full", nullptr, nullptr, "full|limb", "",
     "what an agent sees: the state, or its limb (the front left agent also the torso)",
     "Section 5.2"},
    {"pairing", ParamType::kText, "own-limb", nullptr, nullptr, "own-limb|released-code", "",
     "which limb an agent observes: the one that it moves, or the next one", "Section 5.2"},
    {"agents", ParamType::kInteger, "4", "1", "4", nullptr, "agents",
     "4: one per leg; 1: one that sees the state and moves all", "Section 5.2"},
    {"horizon", ParamType::kInteger, "1000", "1", "1000000", nullptr, "steps",
     "length of an episode, 0.05 s a step", "gym"},
    {"reset_noise", ParamType::kReal, "0.1", "0", "1", nullptr, "",
     "resets: bound of the uniform noise on positions, deviation of the normal one on velocities",
     "gym"},
    kCapsulesParam,
};

// --- the task -----------------------------------------------------------------------------------

constexpr std::int64_t kFrameSkip = 5;
constexpr double kTimeStep = 0.05;                           // seconds: kFrameSkip x 0.01
constexpr double kLowest = 0.2, kHighest = 1.0;              // torso's height
constexpr double kRandom = -325.6, kExpert = 3879.7;         // D4RL
constexpr std::array<std::int64_t, 4> kLegs = {4, 1, 2, 3};  // order of the actuators

// State: torso's height 0, quaternion 1-4, joints 5-12 (hip_1, ankle_1, hip_2, ...), torso's linear
// and angular velocity 13-18, joint velocities 19-26. It is qpos without x and y, then qvel.
constexpr std::int64_t kState = 27, kHidden = 2;
constexpr std::int64_t kJoints = 5, kTorsoVelocity = 13, kJointVelocities = 19;

/// Two angles and two velocities of a leg; leg 1's agent ("yellow") also has the torso's 11.
std::vector<std::int64_t> limb_view(std::int64_t leg) {
  const std::int64_t first = 2 * (leg - 1);
  std::vector<std::int64_t> view = {kJoints + first, kJoints + first + 1, kJointVelocities + first,
                                    kJointVelocities + first + 1};
  if (leg != 1) return view;
  for (std::int64_t i = 0; i < kJoints; ++i) view.push_back(i);
  for (std::int64_t i = kTorsoVelocity; i < kJointVelocities; ++i) view.push_back(i);
  return view;
}

TaskSpec make_task(const Params& params) {
  static constexpr const char* kNames[] = {"front left", "front right", "back left", "back right"};
  if (params.integer("agents") != 1 && params.integer("agents") != 4) {
    throw InputError("ant: agents must be 1 or 4, found " +
                     std::to_string(params.integer("agents")));
  }
  TaskSpec task;
  task.name = "ant";
  task.state_width = kState;
  task.horizon = params.integer("horizon");
  task.random_return = kRandom;
  task.expert_return = kExpert;
  task.time_step = kTimeStep;
  const bool full = params.text("observation") == "full";
  const bool own = params.text("pairing") == "own-limb";
  for (std::size_t i = 0; i < kLegs.size(); ++i) {
    AgentSpec agent;
    agent.name = kNames[kLegs[i] - 1];
    agent.action = {/*discrete=*/false, 2};  // torques of hip and ankle
    // In the released code, agent i sees leg i and moves the i-th pair of actuators.
    agent.observes = limb_view(own ? kLegs[i] : static_cast<std::int64_t>(i) + 1);
    if (full) {
      agent.observes.resize(kState);
      std::iota(agent.observes.begin(), agent.observes.end(), 0);
    }
    task.agents.push_back(agent);
  }
  if (params.integer("agents") == 4) return task;
  if (!full) throw InputError("ant: one agent sees the state; drop observation = \"limb\"");
  return centralised(task);
}

class Ant final : public MujocoEnvironment {
 public:
  explicit Ant(const EnvironmentContext& context)
      : MujocoEnvironment(context, {compile_model(kAntXml, capsule_inertia(context.params)),
                                    make_task(context.params), kFrameSkip,
                                    /*landmarks=*/1}),
        torso_(body_index(model(), "torso")),
        noise_(context.params.real("reset_noise")) {}

 protected:
  void draw_start(std::mt19937_64& random, double* qpos, double* qvel) const override {
    std::uniform_real_distribution<double> uniform(-noise_, noise_);
    std::normal_distribution<double> normal;
    for (int i = 0; i < model().nq; ++i) qpos[i] += uniform(random);
    for (int i = 0; i < model().nv; ++i) qvel[i] = noise_ * normal(random);
  }

  /// The hidden x and y stay 0.
  void unpack(const double* state, double* qpos, double* qvel) const override {
    qpos[0] = qpos[1] = 0;
    std::copy(state, state + kTorsoVelocity, qpos + kHidden);
    std::copy(state + kTorsoVelocity, state + kState, qvel);
  }

  /// x of the torso's body. After a Runge-Kutta step it is that of the last stage, not of the final
  /// qpos; gym's reward uses it all the same.
  void mark(const mjData& data, double* landmarks) const override {
    landmarks[0] = data.xpos[3 * torso_];
  }

  void observe(const mjData& data, const double*, double* state) const override {
    std::copy(data.qpos + kHidden, data.qpos + model().nq, state);
    std::copy(data.qvel, data.qvel + model().nv, state + kTorsoVelocity);
  }

  /// Forward velocity, less half the squared torques, plus 1 for being alive.
  Outcome outcome(const Transition& t) const override {
    double effort = 0;
    for (int i = 0; i < model().nu; ++i) effort += t.action[i] * t.action[i];
    const double velocity = (t.after[0] - t.before[0]) / kTimeStep;
    const double height = t.next_state[0];
    return {velocity - 0.5 * effort + 1, !(height >= kLowest && height <= kHighest)};
  }

 private:
  int torso_;
  double noise_;
};

}  // namespace

}  // namespace labhost

LABHOST_ENVIRONMENT(labhost::Ant, "ant", "2.0.0",
                    "Four-agent Ant, one agent per leg (or one for all), as D4RL recorded it",
                    labhost::kParams);
