-- How channels do, until when alerts are silent, and what of an alert is known while it lasts.

-- What came of the last attempt of each channel, be it a message or a test.
CREATE TABLE channel_states (
	channel  TEXT PRIMARY KEY,
	ok_ms    INTEGER,                  -- last delivered; NULL: never
	since_ms INTEGER,                  -- fails since; NULL: it does not
	error    TEXT                      -- of the last attempt, while it fails
) STRICT;

-- Who counts and sends again what was given up looks past all that was delivered; and an alert asks who was told of it.
CREATE INDEX outbox_unsent ON outbox (channel, state) WHERE state <> 'delivered';
CREATE INDEX outbox_by_alert ON outbox (alert, id);

ALTER TABLE silences ADD COLUMN alert TEXT;                              -- it covers this one alone, and ends with it

ALTER TABLE alerts ADD COLUMN flapping INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN inhibited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN silenced_ms INTEGER;                       -- until then; NULL: not, or until it is resolved
ALTER TABLE alert_changes ADD COLUMN flapping INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_changes ADD COLUMN inhibited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_changes ADD COLUMN silenced_ms INTEGER;
