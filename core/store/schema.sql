-- Schema version 2. `PRAGMA user_version` holds the version.
--
-- The tables, views and columns of docs/sql.md's contract stay; columns marked (internal) may change.
-- Times are seconds since the epoch: datetime(started_at, 'unixepoch') reads them.
-- The views use nothing that a plain sqlite3 shell lacks.

CREATE TABLE experiment (
  name     TEXT NOT NULL,
  profile  TEXT NOT NULL,
  layout   TEXT NOT NULL,              -- JSON: rows, columns, labels of its report
  planned_at REAL NOT NULL,
  PRIMARY KEY (name, profile)
) WITHOUT ROWID;

CREATE TABLE run (
  id           INTEGER PRIMARY KEY,
  run_key      TEXT NOT NULL UNIQUE,   -- SHA-256 of the run's identity
  uuid         TEXT NOT NULL UNIQUE,   -- of this record, for merging stores
  experiment   TEXT NOT NULL,          -- the experiment that planned it first
  task         TEXT NOT NULL,
  algorithm    TEXT NOT NULL,
  environment  TEXT NOT NULL,
  dataset      TEXT NOT NULL,
  seed         INTEGER NOT NULL,
  status       TEXT NOT NULL DEFAULT 'queued'
               CHECK (status IN ('queued', 'running', 'completed', 'failed', 'interrupted')),
  step         INTEGER NOT NULL DEFAULT 0,
  total_steps  INTEGER NOT NULL,
  score        REAL,                   -- normalised
  started_at   REAL,
  finished_at  REAL,                   -- end of the last attempt, however it ended
  heartbeat_at REAL,
  host         TEXT,
  pid          INTEGER,
  attempt      INTEGER NOT NULL DEFAULT 0,
  error        TEXT,
  pid_start    INTEGER,                -- (internal) start time of pid: guards against reused pids
  seconds      REAL NOT NULL DEFAULT 0,-- compute time of all attempts
  config       TEXT NOT NULL,          -- (internal) JSON that the worker reads
  lost         INTEGER NOT NULL DEFAULT 0,     -- attempts that ended without a word: killed, node lost
  reference    INTEGER NOT NULL DEFAULT 0      -- (internal) 1 in a shard: known here only because
                                               -- another run needs it; its metrics are elsewhere
);

-- Which experiment shows which run, and under which labels: a run that two tables need is one run.
CREATE TABLE experiment_run (
  experiment TEXT NOT NULL,
  profile    TEXT NOT NULL,
  task       TEXT NOT NULL,
  algorithm  TEXT NOT NULL,
  seed       INTEGER NOT NULL,
  run_id     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  reported   INTEGER NOT NULL,         -- 0: only needed by other runs
  settings   TEXT NOT NULL,            -- (internal) equal for runs that differ in their seed alone
  planned_at REAL NOT NULL DEFAULT 0,  -- (internal) of merged plans for one cell the latest counts
  PRIMARY KEY (experiment, profile, task, algorithm, seed)
) WITHOUT ROWID;
CREATE INDEX experiment_run_by_run ON experiment_run (run_id);

CREATE TABLE run_param (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  name   TEXT NOT NULL,                -- algorithm.expectile, dataset.size, environment.rounds
  value  TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

-- value is NULL where the metric was NaN (SQLite has no NaN); infinities are stored as such.
CREATE TABLE metric (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  step   INTEGER NOT NULL,
  value  REAL,
  time   REAL NOT NULL,
  PRIMARY KEY (run_id, name, step)
) WITHOUT ROWID;

CREATE TABLE episode (
  run_id  INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  step    INTEGER NOT NULL,
  episode INTEGER NOT NULL,
  return  REAL,
  score   REAL,
  length  INTEGER NOT NULL,
  PRIMARY KEY (run_id, step, episode)
) WITHOUT ROWID;

CREATE TABLE artifact (
  id     INTEGER PRIMARY KEY,
  kind   TEXT NOT NULL,                -- checkpoint, dataset, world-model, policy, video, figure
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  path   TEXT NOT NULL,                -- relative to the store's folder
  sha256 TEXT NOT NULL,
  bytes  INTEGER NOT NULL,
  UNIQUE (run_id, kind, path)
);

CREATE TABLE run_needs (
  run_id      INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  artifact_id INTEGER NOT NULL REFERENCES artifact (id) ON DELETE CASCADE,
  PRIMARY KEY (run_id, artifact_id)
) WITHOUT ROWID;
CREATE INDEX run_needs_by_artifact ON run_needs (artifact_id);

CREATE TABLE provenance (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

-- (internal) Runs that are with Slurm: from their submission until their shard has been taken in.
CREATE TABLE slurm_task (
  run_id     INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  submission TEXT NOT NULL,            -- its folder below slurm/, and the job's name
  task       INTEGER NOT NULL,         -- index in the job array
  job        TEXT,                     -- Slurm's id, 17_4; NULL until sbatch has said it
  state      TEXT NOT NULL,            -- Slurm's word when it was asked last; SUBMITTING, CANCELLING
  reason     TEXT NOT NULL DEFAULT ''
);

CREATE TABLE paper_cell (
  table_name TEXT NOT NULL,
  task       TEXT NOT NULL,
  algorithm  TEXT NOT NULL,
  mean       REAL,
  sem        REAL,
  PRIMARY KEY (table_name, task, algorithm)
) WITHOUT ROWID;

-- One row per cell of an experiment's table: mean and standard error of the score over the seeds
-- that have completed, beside the paper's own. Planned cells without any have seeds = 0.
-- sem = sample standard deviation (n - 1, two passes) / sqrt(n); NULL below two seeds.
CREATE VIEW cell AS
WITH scored AS (
  SELECT er.experiment, er.profile, er.task, er.algorithm,
         CASE WHEN run.status = 'completed' THEN run.score END AS score
  FROM experiment_run AS er JOIN run ON run.id = er.run_id
  WHERE er.reported = 1
), centred AS (
  SELECT experiment, profile, task, algorithm, score,
         avg(score) OVER (PARTITION BY experiment, profile, task, algorithm) AS centre
  FROM scored
), ours AS (
  SELECT experiment, profile, task, algorithm, count(score) AS seeds, avg(score) AS mean,
         CASE WHEN count(score) > 1
              THEN sqrt(sum((score - centre) * (score - centre)) / (count(score) - 1)
                        / count(score)) END AS sem
  FROM centred
  GROUP BY experiment, profile, task, algorithm
)
SELECT ours.experiment, ours.profile, ours.task, ours.algorithm, ours.seeds, ours.mean, ours.sem,
       paper.mean AS paper_mean, paper.sem AS paper_sem, ours.mean - paper.mean AS difference
FROM ours
JOIN experiment ON experiment.name = ours.experiment AND experiment.profile = ours.profile
LEFT JOIN paper_cell AS paper
  ON paper.table_name = json_extract(experiment.layout, '$.paper_table')
  AND paper.task = ours.task AND paper.algorithm = ours.algorithm;

-- Each metric at its largest step. Found by hopping from series to series on the primary key, so
-- the length of a series does not matter (see the statistics below).
CREATE VIEW latest_metric AS
SELECT series.run_id, series.name, latest.step, latest.value
FROM (SELECT DISTINCT run_id, name FROM metric) AS series
CROSS JOIN metric AS latest
WHERE latest.run_id = series.run_id AND latest.name = series.name
  AND latest.step = (SELECT max(step) FROM metric AS every
                     WHERE every.run_id = series.run_id AND every.name = series.name);

-- What ANALYZE would find in a well-filled store: 100 metrics per run, 100 steps per metric.
-- Without it the planner reads every row of a series where it could hop over them.
ANALYZE run;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('metric', 'metric', '100000000 10000 100 1');
