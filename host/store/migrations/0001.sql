-- Devices that measure. Times are milliseconds since 1970, in UTC.
CREATE TABLE device (
	id           TEXT PRIMARY KEY,
	name         TEXT NOT NULL,    -- by its owner
	class        TEXT NOT NULL,
	public_key   TEXT NOT NULL UNIQUE,
	description  TEXT NOT NULL,    -- trial.Device as JSON, as last seen
	state        TEXT NOT NULL CHECK (state IN ('active', 'quarantined', 'revoked')),
	reason       TEXT NOT NULL,    -- of the state, one line
	first_seen   INTEGER NOT NULL,
	last_seen    INTEGER NOT NULL,
	accepted     INTEGER NOT NULL DEFAULT 0,
	failed       INTEGER NOT NULL DEFAULT 0,
	refused      INTEGER NOT NULL DEFAULT 0,
	confirmed    INTEGER NOT NULL DEFAULT 0,
	contradicted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE study (
	id      INTEGER PRIMARY KEY,
	name    TEXT NOT NULL UNIQUE,
	request TEXT NOT NULL,         -- JSON; empty where there was none
	created INTEGER NOT NULL
) STRICT;

-- One journal for each class of devices. Its events are the only truth: all that stands
-- below "derived" follows from them.
CREATE TABLE journal (
	id         INTEGER PRIMARY KEY,
	study      INTEGER NOT NULL REFERENCES study (id) ON DELETE CASCADE,
	class      TEXT NOT NULL,
	events     INTEGER NOT NULL DEFAULT 0, -- so that one that is missing shows
	bytes      INTEGER NOT NULL DEFAULT 0, -- as a file
	-- derived
	asked      INTEGER NOT NULL DEFAULT 0,
	measured   INTEGER NOT NULL DEFAULT 0,
	failed     INTEGER NOT NULL DEFAULT 0,
	own        TEXT NOT NULL DEFAULT '[]', -- the study's objectives, JSON
	objectives TEXT NOT NULL DEFAULT '[]', -- what measurement.vals are, JSON
	UNIQUE (study, class)
) STRICT;

CREATE TABLE event (
	journal INTEGER NOT NULL REFERENCES journal (id) ON DELETE CASCADE,
	seq     INTEGER NOT NULL,      -- 1, 2, 3, ...
	line    TEXT NOT NULL,         -- as a journal's file has it, with its checksum
	PRIMARY KEY (journal, seq)
) STRICT;

-- derived
CREATE TABLE measurement (
	journal  INTEGER NOT NULL REFERENCES journal (id) ON DELETE CASCADE,
	trial    INTEGER NOT NULL,
	ended    INTEGER NOT NULL,     -- place in the order of results
	device   TEXT NOT NULL,        -- device.id; empty for a machine that is in no fleet
	arch     TEXT NOT NULL,
	verdict  TEXT NOT NULL,
	overlay  INTEGER NOT NULL,     -- measured beside the search: on no frontier
	violates TEXT NOT NULL,        -- the first constraint that it breaks
	vals     BLOB NOT NULL,        -- of journal.objectives, little-endian float64; NaN if unknown
	PRIMARY KEY (journal, trial)
) STRICT, WITHOUT ROWID;

CREATE INDEX measurement_device ON measurement (device);

-- derived: the frontier by the study's own objectives, under the constraints that hold
CREATE TABLE frontier (
	journal INTEGER NOT NULL REFERENCES journal (id) ON DELETE CASCADE,
	trial   INTEGER NOT NULL,
	PRIMARY KEY (journal, trial)
) STRICT, WITHOUT ROWID;
