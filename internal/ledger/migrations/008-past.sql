-- What is asked of the ended runs of a task is read from this index alone. So it has the
-- columns, too, that its rows are selected by.
DROP INDEX runs_ended;
CREATE INDEX runs_ended ON runs (task, finished, n, outcome, state, count) WHERE state IS NULL AND count IS NULL;
