#include "core/runner/worker/run_job.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>

#include "core/runner/worker/entry.hpp"
#include "core/runner/worker/session.hpp"

namespace labhost {

namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int signal) { stop_requested = signal; }

bool stop() { return stop_requested != 0; }

class RunLogger : public Logger {
 public:
  explicit RunLogger(const std::string& level)
      : log_("run", std::make_shared<spdlog::sinks::stdout_sink_st>()) {
    log_.set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    log_.set_level(spdlog::level::from_str(level));
    log_.flush_on(spdlog::level::trace);  // a crash must not take the last lines with it
  }
  void info(const std::string& message) override { log_.info(message); }
  void warn(const std::string& message) override { log_.warn(message); }
  void error(const std::string& message) { log_.error(message); }

 private:
  spdlog::logger log_;
};

/// Trains the claimed run; the returned text is empty on success, else why it failed.
int train(Store& store, const Job& job, RunLogger& logger) {
  Session session(store, job, logger);
  logger.info("started, attempt " + std::to_string(job.attempt));
  const double begun = now_seconds();
  if (session.train(&stop) == Session::End::kCompleted) {
    logger.info("completed");
    return kWorkerCompleted;
  }
  store.end_attempt(job.run_id, job.attempt, "interrupted", "", now_seconds() - begun);
  logger.info("interrupted, checkpoint written");
  return kWorkerInterrupted;
}

int fail(Store* store, const Job& job, RunLogger& logger, const std::string& reason,
         double seconds) {
  logger.error(reason);
  if (store == nullptr) return kWorkerFailed;
  try {
    store->end_attempt(job.run_id, job.attempt, "failed", reason, seconds);
  } catch (const std::exception& error) {
    logger.error(std::string("the failure could not be recorded: ") + error.what());
  }
  return kWorkerFailed;
}

}  // namespace

int stop_signal() { return stop_requested; }

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaction(signal, &action, nullptr);
}

int run_job(const Job& job) {
  RunLogger logger(job.runner.log_level);
  std::unique_ptr<Store> store;
  const double begun = now_seconds();
  try {
    torch::set_num_threads(static_cast<int>(job.runner.threads));
    store = std::make_unique<Store>(job.store, Store::Access::kReadWrite);
    store->transfer_claim(job.run_id, job.attempt, this_process());
    return train(*store, job, logger);
  } catch (const Superseded& error) {
    logger.warn(error.what());
    return kWorkerSuperseded;
  } catch (const c10::Error& error) {
    return fail(store.get(), job, logger, error.what_without_backtrace(), now_seconds() - begun);
  } catch (const std::exception& error) {
    return fail(store.get(), job, logger, error.what(), now_seconds() - begun);
  } catch (...) {
    return fail(store.get(), job, logger, "something that is no std::exception was thrown",
                now_seconds() - begun);
  }
}

}  // namespace labhost
