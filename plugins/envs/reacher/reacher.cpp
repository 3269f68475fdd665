// Two-agent Reacher: one agent per joint of an arm that must touch a target.  Section 5.2,
// Figure 3. Physics, reward and resets of gym's Reacher-v2; episodes of 50 steps, no terminal
// states.
#include <algorithm>
#include <cmath>

#include "core/mujoco/environment.hpp"
#include "plugins/envs/reacher/reacher_xml.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"observation", ParamType::kText, "all", nullptr, nullptr, "all|independent|leader", "",
     "what an agent sees: the state; its own joint and the target; or both joints, the target for "
     "the first agent alone",
     "Section 5.2"},
    {"agents", ParamType::kInteger, "2", "1", "2", nullptr, "agents",
     "2: one per joint; 1: one that sees the state and moves both", "Section 5.2"},
    {"horizon", ParamType::kInteger, "50", "1", "1000000", nullptr, "steps",
     "length of an episode, 0.02 s a step", "gym"},
    kCapsulesParam,
};

// --- the task -----------------------------------------------------------------------------------

constexpr std::int64_t kFrameSkip = 2;
constexpr double kTimeStep = 0.02;  // seconds: kFrameSkip x 0.01
constexpr double kRandom = -11.144625, kExpert = -4.2370844;
constexpr double kTargetRadius = 0.2;

// State. th1, th2: the joints' angles; the difference is fingertip minus target.
enum : std::int64_t {
  kCos1,
  kCos2,
  kSin1,
  kSin2,
  kTargetX,
  kTargetY,
  kSpeed1,
  kSpeed2,
  kDifference,
  kState = 11
};

std::vector<std::int64_t> view(const std::string& observation, std::size_t agent) {
  if (observation == "all") return {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  if (observation == "independent") {
    if (agent == 0) return {kCos1, kSin1, kSpeed1, kTargetX, kTargetY};
    return {kCos2, kSin2, kSpeed2, kTargetX, kTargetY};
  }
  std::vector<std::int64_t> joints = {kCos1, kCos2, kSin1, kSin2, kSpeed1, kSpeed2};
  if (agent == 0) joints.insert(joints.end(), {kTargetX, kTargetY});
  return joints;
}

TaskSpec make_task(const Params& params) {
  const std::string& observation = params.text("observation");
  TaskSpec task;
  task.name = "reacher";
  task.state_width = kState;
  task.horizon = params.integer("horizon");
  task.random_return = kRandom;
  task.expert_return = kExpert;
  task.time_step = kTimeStep;
  // Measured: MAPPO reaches the expert's score with inputs divided by these.
  task.state_scale = {0.7, 0.7, 0.7, 0.7, 0.1, 0.1, 5, 5, 0.1, 0.1, 0.1};
  for (const char* name : {"joint 1", "joint 2"}) {
    task.agents.push_back({name, view(observation, task.agents.size()), {/*discrete=*/false, 1}});
  }
  if (params.integer("agents") == 2) return task;
  if (observation != "all") {
    throw InputError("reacher: one agent sees the state; drop observation = \"" + observation +
                     "\"");
  }
  return centralised(task);
}

class Reacher final : public MujocoEnvironment {
 public:
  explicit Reacher(const EnvironmentContext& context)
      : MujocoEnvironment(context, {compile_model(kReacherXml, capsule_inertia(context.params)),
                                    make_task(context.params), kFrameSkip, /*landmarks=*/3}),
        fingertip_(body_index(model(), "fingertip")),
        target_(body_index(model(), "target")) {}

  /// The elbow's angle th2 in radians: above 0 counter-clockwise, below 0 clockwise (Section 5.2).
  std::vector<std::pair<std::string, Tensor>> measure(const Tensor& state) const override {
    return {{"elbow", torch::atan2(state.select(1, kSin2), state.select(1, kCos2))}};
  }

 protected:
  void draw_start(std::mt19937_64& random, double* qpos, double* qvel) const override {
    std::uniform_real_distribution<double> angle(-0.1, 0.1), speed(-0.005, 0.005),
        side(-kTargetRadius, kTargetRadius);
    for (int i = 0; i < 2; ++i) qpos[i] += angle(random);
    do {
      qpos[2] = side(random);
      qpos[3] = side(random);
    } while (std::hypot(qpos[2], qpos[3]) >= kTargetRadius);
    for (int i = 0; i < 2; ++i) qvel[i] = speed(random);
  }

  /// The target rests.
  void unpack(const double* state, double* qpos, double* qvel) const override {
    qpos[0] = std::atan2(state[kSin1], state[kCos1]);
    qpos[1] = std::atan2(state[kSin2], state[kCos2]);
    qpos[2] = state[kTargetX];
    qpos[3] = state[kTargetY];
    qvel[0] = state[kSpeed1];
    qvel[1] = state[kSpeed2];
  }

  void mark(const mjData& data, double* landmarks) const override {
    for (int i = 0; i < 3; ++i) {
      landmarks[i] = data.xpos[3 * fingertip_ + i] - data.xpos[3 * target_ + i];
    }
  }

  void observe(const mjData& data, const double* landmarks, double* state) const override {
    for (int i = 0; i < 2; ++i) {
      state[kCos1 + i] = std::cos(data.qpos[i]);
      state[kSin1 + i] = std::sin(data.qpos[i]);
      state[kTargetX + i] = data.qpos[2 + i];
      state[kSpeed1 + i] = data.qvel[i];
    }
    std::copy_n(landmarks, 3, state + kDifference);
  }

  /// The distance is that of the state in which the action was chosen, as in gym.
  Outcome outcome(const Transition& t) const override {
    const double distance = std::hypot(t.before[0], t.before[1], t.before[2]);
    return {-distance - t.action[0] * t.action[0] - t.action[1] * t.action[1], false};
  }

 private:
  int fingertip_, target_;
};

}  // namespace

}  // namespace labhost

LABHOST_ENVIRONMENT(labhost::Reacher, "reacher", "2.0.0",
                    "Two-agent Reacher, one agent per joint (or one for both)", labhost::kParams);
