#include "core/store/slurm_tasks.hpp"

#include "core/store/connection.hpp"

namespace labhost {

std::vector<SlurmTask> SlurmTasks::select(const std::string& condition, const std::string& value) {
  Statement rows(
      store_.handle(),
      "SELECT run_id, run.uuid, run.run_key, submission, slurm_task.task, job, state, reason "
      "FROM slurm_task JOIN run ON run.id = run_id WHERE " +
          condition + " ORDER BY run_id");
  rows.with(value);
  std::vector<SlurmTask> tasks;
  while (rows.step()) {
    tasks.push_back({rows.integer(0), rows.text(1), rows.text(2), rows.text(3), rows.integer(4),
                     rows.text(5), rows.text(6), rows.text(7)});
  }
  return tasks;
}

std::vector<SlurmTask> SlurmTasks::all() { return select("?1 = ''", ""); }

std::vector<SlurmTask> SlurmTasks::of_experiment(const std::string& experiment) {
  return select("run_id IN (SELECT run_id FROM experiment_run WHERE experiment = ?1)", experiment);
}

std::vector<std::int64_t> SlurmTasks::add(const std::vector<std::int64_t>& run_ids,
                                          const std::string& submission, double stale_seconds) {
  std::vector<std::int64_t> added;
  Transaction transaction(store_.handle());
  {
    Statement insert(store_.handle(),
                     "INSERT OR IGNORE INTO slurm_task (run_id, submission, task, state) "
                     "SELECT id, ?2, ?3, ?4 FROM run WHERE id = ?1 AND status <> 'completed'");
    Statement forget(store_.handle(), "UPDATE run SET error = NULL WHERE id = ?1");
    for (const std::int64_t run_id : run_ids) {
      if (store_.alive(run_id, stale_seconds)) continue;
      insert.with(run_id, submission, static_cast<std::int64_t>(added.size()), kSubmitting).run();
      if (sqlite3_changes(store_.handle()) == 0) continue;
      added.push_back(run_id);
      forget.with(run_id).run();
    }
  }
  transaction.commit();
  return added;
}

std::vector<std::string> SlurmTasks::set_job(const std::string& submission, const std::string& job,
                                             std::int64_t tasks) {
  std::vector<std::string> unwanted;
  Transaction transaction(store_.handle());
  {
    Statement(store_.handle(),
              "UPDATE slurm_task SET job = ?2 || '_' || task, "
              "state = CASE state WHEN ?3 THEN 'PENDING' ELSE state END WHERE submission = ?1")
        .with(submission, job, kSubmitting)
        .run();
    Statement wanted(
        store_.handle(),
        "SELECT 1 FROM slurm_task WHERE submission = ?1 AND task = ?2 AND state <> ?3");
    for (std::int64_t task = 0; task < tasks; ++task) {
      wanted.with(submission, task, kCancelling);
      bool found = false;
      while (wanted.step()) found = true;
      if (!found) unwanted.push_back(job + "_" + std::to_string(task));
    }
  }
  transaction.commit();
  return unwanted;
}

void SlurmTasks::set_state(const SlurmTask& task, const std::string& state,
                           const std::string& reason) {
  Transaction transaction(store_.handle());
  Statement(
      store_.handle(),
      "UPDATE slurm_task SET state = ?2, reason = ?3 WHERE run_id = ?1 AND submission = ?5 AND "
      "(state <> ?4 OR ?2 = ?4)")
      .with(task.run_id, state, reason, kCancelling, task.submission)
      .run();
  transaction.commit();
}

void SlurmTasks::remove(std::int64_t run_id, const std::string& submission) {
  Transaction transaction(store_.handle());
  Statement(store_.handle(), "DELETE FROM slurm_task WHERE run_id = ?1 AND submission = ?2")
      .with(run_id, submission)
      .run();
  transaction.commit();
}

void SlurmTasks::remove_submission(const std::string& submission) {
  Transaction transaction(store_.handle());
  Statement(store_.handle(), "DELETE FROM slurm_task WHERE submission = ?1").with(submission).run();
  transaction.commit();
}

}  // namespace labhost
