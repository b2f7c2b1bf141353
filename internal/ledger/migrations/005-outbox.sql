-- What somebody is still to be told of. It leaves when it is delivered or given up.
CREATE TABLE outbox (
	n      INTEGER PRIMARY KEY,
	notice TEXT NOT NULL, -- as JSON
	sum    INTEGER NOT NULL
) STRICT;
