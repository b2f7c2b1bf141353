-- The start of the machine that was noticed last, and the latest time that slots
-- were recorded up to in any epoch.
ALTER TABLE cursor ADD COLUMN boot TEXT;
ALTER TABLE cursor ADD COLUMN reach INTEGER;
