-- A sum is a checksum of the other columns that are not NULL, so that a later
-- migration may add columns. Times are microseconds since 1970, in UTC.

-- Texts that many rows share.
CREATE TABLE names (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	sum  INTEGER NOT NULL
) STRICT;

-- What became of slots and requests, in the order of writing.
CREATE TABLE runs (
	n          INTEGER PRIMARY KEY,
	task       INTEGER NOT NULL, -- a name
	key        ANY NOT NULL,     -- of a slot epoch<<40 | seconds since 1970, of a request its text
	cause      TEXT,
	state      TEXT, -- NULL once there is an outcome
	outcome    TEXT,
	why        TEXT,
	scheduled  INTEGER,
	queued     INTEGER,
	started    INTEGER,
	finished   INTEGER,
	attempts   INTEGER,
	exit       INTEGER,
	signal     TEXT,
	error      TEXT,
	first      INTEGER, -- of a folded row, like last, count and gave_way
	last       INTEGER,
	count      INTEGER,
	gave_way   TEXT,
	revision   INTEGER, -- a name
	queue      INTEGER, -- a name
	priority   INTEGER,
	not_before INTEGER,
	standing   TEXT,
	params     TEXT, -- JSON
	input      TEXT,
	input_file TEXT,
	content    TEXT,
	parent     TEXT,
	result     INTEGER,
	steps      BLOB, -- its transitions, packed
	sum        INTEGER NOT NULL,
	UNIQUE (task, key)
) STRICT;

CREATE INDEX runs_by_task ON runs (task);
CREATE INDEX runs_alive ON runs (state) WHERE state IS NOT NULL;
CREATE INDEX runs_ended ON runs (task, finished, n, outcome) WHERE state IS NULL AND count IS NULL;
CREATE INDEX runs_folded ON runs (task, key) WHERE count IS NOT NULL;

CREATE TABLE cursor (
	id       INTEGER PRIMARY KEY CHECK (id = 1),
	epoch    INTEGER NOT NULL,
	through  INTEGER,
	revision TEXT,
	sum      INTEGER NOT NULL
) STRICT;

-- What is remembered of tasks and queues, as JSON.
CREATE TABLE states (
	name    TEXT PRIMARY KEY,
	version INTEGER NOT NULL,
	state   TEXT NOT NULL,
	sum     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
	n    INTEGER PRIMARY KEY,
	time INTEGER,
	kind TEXT,
	task TEXT,
	who  TEXT,
	text TEXT,
	sum  INTEGER NOT NULL
) STRICT;

-- Rows that were found not to match their sum, for a person to look at.
CREATE TABLE damaged (
	id    INTEGER PRIMARY KEY,
	found INTEGER NOT NULL,
	row   TEXT NOT NULL
) STRICT;
