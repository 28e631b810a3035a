-- Messages for channels: written in one transaction with the change that they tell, kept until they are delivered or given up.
CREATE TABLE outbox (
	id           INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they are sent; never used again
	channel      TEXT NOT NULL,
	message_id   TEXT NOT NULL,        -- what the receiver knows it by: the same at every attempt
	alert        TEXT,                 -- NULL: a message of no alert (a test)
	line         TEXT NOT NULL,        -- messages of a channel that have the same line are sent one after another
	state        TEXT NOT NULL,        -- waiting, delivered, dead
	attempts     INTEGER NOT NULL,     -- since it was last put into the line
	status       INTEGER,              -- of the last answer
	last_error   TEXT,
	body         TEXT NOT NULL,
	content_type TEXT,
	created_ms   INTEGER NOT NULL,
	next_ms      INTEGER NOT NULL,     -- not to be tried before
	finished_ms  INTEGER,              -- delivered or dead since
	UNIQUE (message_id, channel)
) STRICT;
CREATE INDEX outbox_lines ON outbox (channel, line, id) WHERE state = 'waiting';
CREATE INDEX outbox_finished ON outbox (finished_ms) WHERE state <> 'waiting';
CREATE INDEX outbox_by_channel ON outbox (channel, id);
