-- Who asked for a run, and whether it starts even if its task is held.
ALTER TABLE runs ADD COLUMN who TEXT;
ALTER TABLE runs ADD COLUMN force INTEGER;

-- The newest run of each task.
CREATE INDEX runs_started ON runs (task, started) WHERE started IS NOT NULL;
DROP INDEX runs_alive;
CREATE INDEX runs_alive ON runs (state, task) WHERE state IS NOT NULL;

-- The runs of a standing request, and those that a hook asked for.
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
