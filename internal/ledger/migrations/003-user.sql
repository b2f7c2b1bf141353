-- The user whose rights a run was asked for with.
ALTER TABLE runs ADD COLUMN user TEXT;
