// What MuJoCo tasks share: B simulators of one model, stepped together on threads.
//
// A copy is a small record of numbers, not a simulator: each thread has one mjData, into which it
// puts the copy that it steps. A step is a pure function of record and action, so results do not
// depend on which thread takes which copy, and a thousand copies fit into a cache.
#pragma once

#include <atomic>
#include <random>
#include <vector>

#include "core/mujoco/model.hpp"
#include "core/mujoco/step_pool.hpp"
#include "core/sdk/environment.hpp"

namespace labhost {

class OffscreenRenderer;

/// MuJoCo 2.1.1 changed the masses and inertias of capsules. D4RL and the paper recorded with the
/// ones before; a task declares `capsules` and compiles its model with this.
constexpr ParamDecl kCapsulesParam = {"capsules",
                                      ParamType::kText,
                                      "recorded",
                                      nullptr,
                                      nullptr,
                                      "recorded|current",
                                      "",
                                      "masses of the capsules: those of MuJoCo before 2.1.1, with "
                                      "which D4RL recorded, or those of the "
                                      "MuJoCo in use",
                                      "D4RL"};
Inertia capsule_inertia(const Params& params);

class MujocoEnvironment : public Environment {
 public:
  ~MujocoEnvironment() override;

  const TaskSpec& task() const final { return task_; }
  Tensor reset(const Tensor& index) final;
  void set_state(const Tensor& index, const Tensor& state) final;
  /// Actions are clipped to [-1, 1]; one that is not finite is std::runtime_error.
  StepResult step(const Tensor& index, const Tensor& action) final;
  std::int64_t faults() const final { return faults_; }
  std::map<std::string, std::string> provenance() const final;
  Tensor render(std::int64_t copy, std::int64_t width, std::int64_t height) final;
  std::optional<double> bare_seconds(std::int64_t steps) final;
  void save(Archive& archive, const std::string& prefix) const final;
  void load(const Archive& archive, const std::string& prefix) final;

 protected:
  struct Setup {
    Model model;
    TaskSpec task;
    std::int64_t frame_skip;  ///< mj_step calls per time step
    std::int64_t landmarks;   ///< numbers that mark() gives
  };
  MujocoEnvironment(const EnvironmentContext& context, Setup setup);

  const mjModel& model() const { return *model_; }

  // --- what a task is. Called by several threads at once: none may change *this. -----------------

  /// Positions and velocities of a new episode. On entry: the model's defaults, and zeros.
  virtual void draw_start(std::mt19937_64& random, double* qpos, double* qvel) const = 0;
  /// Positions and velocities of a state [S] that a dataset holds. On entry as above.
  virtual void unpack(const double* state, double* qpos, double* qvel) const = 0;
  /// Body positions that states or rewards are made of, as MuJoCo left them after its last step.
  virtual void mark(const mjData& data, double* landmarks) const = 0;
  /// The state [S].
  virtual void observe(const mjData& data, const double* landmarks, double* state) const = 0;
  struct Outcome {
    double reward;
    bool terminal;
  };
  struct Transition {
    const double *before, *after;  ///< landmarks
    const double* next_state;      ///< [S]
    const double* action;          ///< [W], clipped
  };
  virtual Outcome outcome(const Transition& transition) const = 0;

 private:
  // A record: qpos, qvel, the solver's warm start, the landmarks, the state.
  double* record(std::int64_t copy) { return &records_[static_cast<std::size_t>(copy * width_)]; }
  double* state_of(double* record) const { return record + state_at_; }
  void put(const double* record, mjData& data) const;
  void take(const mjData& data, double* record) const;
  /// After a start or a placement: everything that follows from positions and velocities.
  void begin(std::int64_t copy, mjData& data);
  void start(std::int64_t copy, mjData& data);
  struct Thread {
    Data data;
    std::vector<double> next;  // the record that a step makes
  };
  struct Flags {
    double reward;
    bool terminal, timeout;
  };
  Flags step_copy(std::int64_t copy, const double* action, Thread& thread);
  bool advance(mjData& data) const;
  void check_index(const Tensor& index) const;

  const Model model_;
  const TaskSpec task_;
  const std::int64_t frame_skip_, copies_;
  const std::uint64_t seed_;
  const std::int64_t warm_at_, landmarks_at_, state_at_, width_;  // offsets in a record; its width
  std::vector<double> records_;
  std::vector<std::int64_t> steps_;   // of the running episode; -1: ended, or never begun
  std::vector<std::int64_t> starts_;  // episodes begun by reset(): numbers the random streams
  StepPool pool_;
  std::vector<Thread> threads_;
  std::atomic<std::int64_t> faults_{0};
  std::unique_ptr<OffscreenRenderer> renderer_;
};

}  // namespace labhost
