-- Channels that messages wait for and the configuration does not hold, and since when: beyond some days the messages are dead letters.
CREATE TABLE gone_channels (
	channel  TEXT PRIMARY KEY,
	since_ms INTEGER NOT NULL
) STRICT;
