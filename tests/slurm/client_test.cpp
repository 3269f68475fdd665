// What Slurm's commands say, read; with stand-ins for the commands where their failures matter.
#include "core/runner/slurm/client.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "core/runner/slurm/submission.hpp"
#include "core/sdk/error.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost::testing {

namespace {

/// Shell scripts that stand for Slurm's commands, found before all others.
class StandIns {
 public:
  StandIns() : path_("PATH", (folder_.path().string() + ":" + std::getenv("PATH")).c_str()) {}

  void put(const std::string& command, const std::string& script) {
    const auto file = folder_.write(command, "#!/bin/sh\n" + script);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  const ScratchFolder& folder() const { return folder_; }

 private:
  ScratchFolder folder_;
  ScopedVariable path_;
};

}  // namespace

TEST_CASE("Slurm: lines of scontrol, jobcomp and squeue") {
  const auto killed = parse_end(
      "JobId=21 ArrayJobId=17 ArrayTaskId=4 JobName=labhost-1 UserId=root(0) JobState=FAILED "
      "Reason=NonZeroExitCode Dependency=(null) ExitCode=0:9 DerivedExitCode=0:0 NodeList=n1");
  REQUIRE(killed);
  CHECK(killed->text() == "FAILED (NonZeroExitCode), killed by SIGKILL, on n1");
  const auto memory = parse_end("JobId=3 Name=x JobState=OUT_OF_MEMORY ExitCode=0:125 NodeList=n2");
  REQUIRE(memory);
  CHECK(memory->state == "OUT_OF_MEMORY");
  CHECK(parse_end("JobState=TIMEOUT Reason=None ExitCode=1:0 NodeList=(null)")->text() ==
        "TIMEOUT, exit code 1");
  CHECK_FALSE(parse_end("slurm_load_jobs error: Invalid job id specified"));
  CHECK_FALSE(parse_end("NotJobState=FAILED"));

  const auto jobs =
      parse_queue("17_4|labhost-1|RUNNING|None\n17_5|labhost-1|PENDING|(Priority)\n\n");
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[1].id == "17_5");
  CHECK(jobs[1].reason == "(Priority)");
  for (const char* state : {"PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"}) {
    CHECK_MESSAGE(is_live(state), state);
  }
  for (const char* state :
       {"COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "CANCELLED", "PREEMPTED"}) {
    CHECK_FALSE_MESSAGE(is_live(state), state);
  }
}

TEST_CASE("Slurm: answers of its commands") {
  StandIns slurm;
  const SlurmClient client;
  slurm.put("sbatch", "echo '17;cluster'");
  CHECK(client.submit({"script.sh"}) == "17");
  slurm.put("sbatch",
            "echo 'sbatch: error: Batch job submission failed: Invalid partition' >&2; exit 1");
  CHECK_THROWS_WITH_AS(client.submit({"script.sh"}),
                       "sbatch: sbatch: error: Batch job submission failed: Invalid partition",
                       SlurmError);
  slurm.put("sbatch", "echo 'Submitted'");
  CHECK_THROWS_AS(client.submit({"script.sh"}), SlurmError);
  slurm.put("sbatch", "printf 'a long listing\\nSlurmctld is DOWN\\n'; exit 1");
  CHECK_THROWS_WITH_AS(client.submit({"script.sh"}), "sbatch: Slurmctld is DOWN", SlurmError);
  slurm.put("squeue", "echo \"17_0|$(echo $* | tr '|' '/')|RUNNING|None\"");
  REQUIRE(client.queue().size() == 1);
  CHECK(contains(client.queue()[0].name, "--states=all"));
  slurm.put("scontrol", "echo 'MaxArraySize            = 1001'; echo 'MaxArraySizeX = 3'");
  CHECK(client.max_array_tasks() == 1000);
  slurm.put("scontrol", "echo 'MaxArraySize = 5'");
  CHECK(client.max_array_tasks() == 4);
}

TEST_CASE("Slurm: a job that it has forgotten is looked up in the completion log") {
  StandIns slurm;
  const auto log = slurm.folder().write(
      "jobcomp.log",
      "JobId=20 ArrayJobId=17 ArrayTaskId=3 JobState=COMPLETED NodeList=n1 ExitCode=0:0 \n"
      "JobId=21 ArrayJobId=17 ArrayTaskId=4 JobState=NODE_FAIL NodeList=n2 ExitCode=0:0 \n"
      "JobId=21 ArrayJobId=17 ArrayTaskId=4 JobState=TIMEOUT NodeList=n3 ExitCode=0:15 \n");
  slurm.put("scontrol",
            "case \"$*\" in *config*) echo 'JobCompLoc = " + log.string() +
                "';; *) echo 'slurm_load_jobs error: Invalid job id' >&2; exit 1;; esac");
  const SlurmClient client;
  const auto end = client.end_of("17_4");
  REQUIRE(end);
  CHECK(end->text() == "TIMEOUT, killed by SIGTERM, on n3");  // of its last start
  CHECK(client.end_of("20")->state == "COMPLETED");
  CHECK_FALSE(client.end_of("17_40"));
  slurm.put("scontrol", "exit 1");
  CHECK_FALSE(client.end_of("17_4"));
}

TEST_CASE("Slurm: what a submission says is read back") {
  Submission submission;
  submission.max_attempts = 7;
  submission.job.store = "/a folder/l\xff.sqlite";
  submission.job.runner.threads = 4;
  submission.tasks = {{"u1", "k1", {}}, {"u2", "k2", {{"k1", "u1"}}}};
  const Submission read = Submission::from_text(submission.to_text());
  CHECK(read.max_attempts == 7);
  CHECK(read.job.store == submission.job.store);
  CHECK(read.job.runner.threads == 4);
  REQUIRE(read.tasks.size() == 2);
  CHECK(read.tasks[1].uuid == "u2");
  CHECK(read.tasks[1].needs == submission.tasks[1].needs);
}

}  // namespace labhost::testing
