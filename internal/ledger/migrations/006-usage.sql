-- What the process of a run has used: microseconds, and bytes.
ALTER TABLE runs ADD COLUMN cpu INTEGER;
ALTER TABLE runs ADD COLUMN max_rss INTEGER;
