-- The trace that a run belongs to, as TRACEPARENT names it.
ALTER TABLE runs ADD COLUMN trace TEXT;
