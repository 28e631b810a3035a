-- Who may do what, and who did what.

-- A token itself is shown once, when it is made; here is only its SHA-256.
CREATE TABLE tokens (
	name       TEXT PRIMARY KEY,
	role       TEXT NOT NULL,          -- viewer, operator, …
	hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	created_ms INTEGER NOT NULL,
	used_ms    INTEGER NOT NULL        -- last time, to the minute; 0: never
) STRICT;

CREATE TABLE audit (
	seq    INTEGER PRIMARY KEY,
	t_ms   INTEGER NOT NULL,
	who    TEXT,
	role   TEXT,
	action TEXT NOT NULL,
	detail TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (t_ms);
