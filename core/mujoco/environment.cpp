#include "core/mujoco/environment.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "core/mujoco/offscreen.hpp"
#include "core/sdk/random.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kNotRunning = -1;

/// Contiguous, in double: what a thread reads and writes by pointer.
Tensor as_double(const Tensor& tensor) { return tensor.to(torch::kFloat64).contiguous(); }

Tensor as_states(const Tensor& tensor) { return tensor.to(torch::get_default_dtype()); }

void clear_warnings(mjData& data) {
  for (mjWarningStat& warning : data.warning) warning.number = 0;
}

bool has_warnings(const mjData& data) {
  return std::any_of(std::begin(data.warning), std::end(data.warning),
                     [](const mjWarningStat& warning) { return warning.number > 0; });
}

bool all_finite(const double* values, std::int64_t count) {
  return std::all_of(values, values + count, [](double value) { return std::isfinite(value); });
}

}  // namespace

Inertia capsule_inertia(const Params& params) {
  return params.text("capsules") == "recorded" ? Inertia::kStated : Inertia::kFromGeoms;
}

MujocoEnvironment::MujocoEnvironment(const EnvironmentContext& context, Setup setup)
    : model_(std::move(setup.model)),
      task_(std::move(setup.task)),
      frame_skip_(setup.frame_skip),
      copies_(context.copies),
      seed_(context.seed),
      warm_at_(model_->nq + model_->nv),
      landmarks_at_(warm_at_ + model_->nv),
      state_at_(landmarks_at_ + setup.landmarks),
      width_(state_at_ + task_.state_width),
      records_(static_cast<std::size_t>(copies_ * width_)),
      steps_(static_cast<std::size_t>(copies_), kNotRunning),
      starts_(static_cast<std::size_t>(copies_), 0),
      pool_(std::min(context.threads, context.copies)) {
  if (task_.joint_width() != model_->nu) throw std::logic_error("actions are not actuators");
  for (std::size_t i = 0; i < pool_.threads(); ++i) {
    threads_.push_back({make_data(*model_), std::vector<double>(static_cast<std::size_t>(width_))});
  }
}

MujocoEnvironment::~MujocoEnvironment() = default;

std::map<std::string, std::string> MujocoEnvironment::provenance() const {
  return {{"mujoco", mujoco_version()}};
}

void MujocoEnvironment::check_index(const Tensor& index) const {
  if (index.scalar_type() != torch::kLong || index.dim() != 1 ||
      (index.numel() > 0 &&
       (index.min().item<std::int64_t>() < 0 || index.max().item<std::int64_t>() >= copies_))) {
    throw std::logic_error(task_.name + ": copies must be named by int64 numbers from 0 to " +
                           std::to_string(copies_ - 1));
  }
}

void MujocoEnvironment::put(const double* record, mjData& data) const {
  mju_copy(data.qpos, record, model_->nq);
  mju_copy(data.qvel, record + model_->nq, model_->nv);
  mju_copy(data.qacc_warmstart, record + warm_at_, model_->nv);
  data.time = 0;  // nothing here depends on it; the same for every thread
}

void MujocoEnvironment::take(const mjData& data, double* record) const {
  mju_copy(record, data.qpos, model_->nq);
  mju_copy(record + model_->nq, data.qvel, model_->nv);
  mju_copy(record + warm_at_, data.qacc_warmstart, model_->nv);
  mark(data, record + landmarks_at_);
  observe(data, record + landmarks_at_, record + state_at_);
}

void MujocoEnvironment::begin(std::int64_t copy, mjData& data) {
  mj_forward(model_.get(), &data);
  clear_warnings(data);
  take(data, record(copy));
  steps_[static_cast<std::size_t>(copy)] = 0;
}

void MujocoEnvironment::start(std::int64_t copy, mjData& data) {
  const auto number = static_cast<std::uint64_t>(starts_[static_cast<std::size_t>(copy)]++);
  std::mt19937_64 random(
      derive_seed(derive_seed(seed_, "start", number), "copy", static_cast<std::uint64_t>(copy)));
  mj_resetData(model_.get(), &data);
  draw_start(random, data.qpos, data.qvel);
  begin(copy, data);
}

Tensor MujocoEnvironment::reset(const Tensor& index) {
  check_index(index);
  const Tensor copies = index.contiguous();
  const std::int64_t* copy = copies.data_ptr<std::int64_t>();
  Tensor states = torch::empty({index.size(0), task_.state_width}, torch::kFloat64);
  double* out = states.data_ptr<double>();
  pool_.run(index.size(0), [&](std::int64_t k, std::size_t thread) {
    start(copy[k], *threads_[thread].data);
    std::copy_n(state_of(record(copy[k])), task_.state_width, out + k * task_.state_width);
  });
  return as_states(states);
}

void MujocoEnvironment::set_state(const Tensor& index, const Tensor& state) {
  check_index(index);
  const Tensor copies = index.contiguous(), states = as_double(state);
  if (states.dim() != 2 || states.size(0) != index.size(0) || states.size(1) != task_.state_width) {
    throw std::logic_error(task_.name + ": set_state() expects one state of width " +
                           std::to_string(task_.state_width) + " for each copy");
  }
  const std::int64_t* copy = copies.data_ptr<std::int64_t>();
  const double* in = states.data_ptr<double>();
  pool_.run(index.size(0), [&](std::int64_t k, std::size_t thread) {
    if (!all_finite(in + k * task_.state_width, task_.state_width)) {
      throw std::runtime_error(task_.name + ": the state for copy " + std::to_string(copy[k]) +
                               " is not finite");
    }
    mjData& data = *threads_[thread].data;
    mj_resetData(model_.get(), &data);
    unpack(in + k * task_.state_width, data.qpos, data.qvel);
    begin(copy[k], data);
  });
}

/// False when the simulator gave up on the way.
bool MujocoEnvironment::advance(mjData& data) const {
  for (std::int64_t i = 0; i < frame_skip_; ++i) mj_step(model_.get(), &data);
  if (!has_warnings(data)) return true;
  clear_warnings(data);
  return false;
}

MujocoEnvironment::Flags MujocoEnvironment::step_copy(std::int64_t copy, const double* action,
                                                      Thread& thread) {
  std::int64_t& steps = steps_[static_cast<std::size_t>(copy)];
  if (steps == kNotRunning) {
    throw std::logic_error(task_.name + ": a copy was stepped after its episode had ended");
  }
  if (!all_finite(action, model_->nu)) {
    throw std::runtime_error(task_.name + ": the action of copy " + std::to_string(copy) +
                             " is not finite");
  }
  double* own = record(copy);
  mjData& data = *thread.data;
  put(own, data);
  for (int i = 0; i < model_->nu; ++i) data.ctrl[i] = std::clamp(action[i], -1.0, 1.0);
  double* next = thread.next.data();
  bool sound = advance(data);
  if (sound) {
    take(data, next);
    sound = all_finite(next, width_);
  }
  ++steps;
  Flags flags{0.0, true, steps >= task_.horizon};
  if (sound) {
    const Outcome result =
        outcome({own + landmarks_at_, next + landmarks_at_, next + state_at_, data.ctrl});
    flags.reward = result.reward;
    flags.terminal = result.terminal;
    std::copy_n(next, width_, own);
  } else {
    // The copy keeps the last state that means something.
    ++faults_;
  }
  if (flags.terminal || flags.timeout) steps = kNotRunning;
  return flags;
}

StepResult MujocoEnvironment::step(const Tensor& index, const Tensor& action) {
  check_index(index);
  const std::int64_t count = index.size(0), width = task_.state_width;
  if (action.dim() != 2 || action.size(0) != count || action.size(1) != model_->nu) {
    throw std::logic_error(task_.name + ": step() expects one action of width " +
                           std::to_string(model_->nu) + " for each copy");
  }
  const Tensor copies = index.contiguous(), actions = as_double(action);
  Tensor states = torch::empty({count, width}, torch::kFloat64);
  Tensor rewards = torch::empty({count}, torch::kFloat64);
  StepResult result;
  result.terminal = torch::empty({count}, torch::kBool);
  result.timeout = torch::empty({count}, torch::kBool);
  const std::int64_t* copy = copies.data_ptr<std::int64_t>();
  const double* in = actions.data_ptr<double>();
  double *out = states.data_ptr<double>(), *reward = rewards.data_ptr<double>();
  bool *terminal = result.terminal.data_ptr<bool>(), *timeout = result.timeout.data_ptr<bool>();
  pool_.run(count, [&](std::int64_t k, std::size_t thread) {
    const Flags flags = step_copy(copy[k], in + k * model_->nu, threads_[thread]);
    reward[k] = flags.reward;
    terminal[k] = flags.terminal;
    timeout[k] = flags.timeout;
    std::copy_n(state_of(record(copy[k])), width, out + k * width);
  });
  result.next_state = as_states(states);
  result.reward = as_states(rewards);
  return result;
}

Tensor MujocoEnvironment::render(std::int64_t copy, std::int64_t width, std::int64_t height) {
  check_index(torch::tensor({copy}, torch::kLong));
  if (!renderer_ || !renderer_->fits(width, height)) {
    renderer_.reset();  // first: two contexts at once would fight over the thread
    renderer_ = std::make_unique<OffscreenRenderer>(model_, width, height);
  }
  mjData& data = *threads_.front().data;
  mj_resetData(model_.get(), &data);
  put(record(copy), data);
  mj_forward(model_.get(), &data);
  return renderer_->draw(data, width, height);
}

std::optional<double> MujocoEnvironment::bare_seconds(std::int64_t steps) {
  std::mt19937_64 random(derive_seed(seed_, "bare"));
  std::uniform_real_distribution<double> uniform(-1, 1);
  // Actions are drawn before the clock starts.
  std::vector<double> actions(static_cast<std::size_t>(steps * model_->nu));
  std::generate(actions.begin(), actions.end(), [&] { return uniform(random); });
  double* next = threads_.front().next.data();
  const Data data = make_data(*model_);
  const auto restart = [&] {
    mj_resetData(model_.get(), data.get());
    draw_start(random, data->qpos, data->qvel);
    mj_forward(model_.get(), data.get());
  };
  restart();
  double ending = 0;  // spent on seeing whether an episode ends: no part of the bare loop
  const auto begun = std::chrono::steady_clock::now();
  std::int64_t since_start = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    mju_copy(data->ctrl, &actions[static_cast<std::size_t>(t * model_->nu)], model_->nu);
    for (std::int64_t i = 0; i < frame_skip_; ++i) mj_step(model_.get(), data.get());
    const auto paused = std::chrono::steady_clock::now();
    take(*data, next);
    const Outcome result =
        outcome({next + landmarks_at_, next + landmarks_at_, next + state_at_, data->ctrl});
    if (++since_start >= task_.horizon || result.terminal) {
      restart();
      since_start = 0;
    }
    ending += std::chrono::duration<double>(std::chrono::steady_clock::now() - paused).count();
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() - ending;
}

void MujocoEnvironment::save(Archive& archive, const std::string& prefix) const {
  archive.write(prefix + "/records", torch::tensor(records_, torch::kFloat64));
  archive.write(prefix + "/steps", torch::tensor(steps_, torch::kLong));
  archive.write(prefix + "/starts", torch::tensor(starts_, torch::kLong));
  archive.write(prefix + "/faults", static_cast<std::int64_t>(faults_));
}

void MujocoEnvironment::load(const Archive& archive, const std::string& prefix) {
  const auto numbers = [](auto& values, torch::ScalarType type) {
    return torch::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, type);
  };
  Tensor records = numbers(records_, torch::kFloat64), steps = numbers(steps_, torch::kLong),
         starts = numbers(starts_, torch::kLong);
  archive.read_into(prefix + "/records", records);
  archive.read_into(prefix + "/steps", steps);
  archive.read_into(prefix + "/starts", starts);
  faults_ = archive.integer(prefix + "/faults");
}

}  // namespace labhost
