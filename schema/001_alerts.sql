-- What alerts there are, how each came to be so, and who asked for silence.

-- An alert is one rule on one series, from its first wrong value until it is resolved: here as it is now.
CREATE TABLE alerts (
	id         TEXT PRIMARY KEY,
	rule       TEXT NOT NULL,
	type       TEXT,
	metric     TEXT,
	series     TEXT,
	severity   TEXT,
	state      TEXT NOT NULL,          -- pending, firing, acknowledged, silenced, resolved
	summary    TEXT,
	who        TEXT,                   -- of the acknowledgement or the silence
	note       TEXT,
	value      REAL,                   -- NULL: unknown
	threshold  REAL,
	starts_ms  INTEGER NOT NULL,
	ends_ms    INTEGER NOT NULL,       -- 0 while it lasts
	changed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX alerts_by_start ON alerts (starts_ms);
CREATE INDEX alerts_by_state ON alerts (state, changed_ms);

-- Every change that led there. The key makes a change that is written twice one change.
CREATE TABLE alert_changes (
	seq        INTEGER PRIMARY KEY,    -- the order in which they happened, whatever the clock did
	alert      TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
	changed_ms INTEGER NOT NULL,
	state      TEXT NOT NULL,
	severity   TEXT,
	summary    TEXT,
	who        TEXT,
	note       TEXT,
	value      REAL,
	threshold  REAL,
	ends_ms    INTEGER NOT NULL,
	UNIQUE (alert, changed_ms, state)
) STRICT;
CREATE INDEX alert_changes_by_time ON alert_changes (changed_ms);

-- Everything that matches is kept quiet until then.
CREATE TABLE silences (
	id         TEXT PRIMARY KEY,
	matcher    TEXT NOT NULL,          -- rule=HIGH_*,series=cpu*
	who        TEXT,
	note       TEXT,
	from_ms    INTEGER NOT NULL,
	until_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX silences_by_end ON silences (until_ms);
