-- Who heard of an alert hears all that follows, to its end, whatever its severity is then.
ALTER TABLE alerts ADD COLUMN told TEXT; -- ["ops"]: channels; NULL: none
UPDATE alerts SET told = heard.channels
	FROM (SELECT alert, json_group_array(DISTINCT channel) AS channels FROM outbox WHERE alert IS NOT NULL GROUP BY alert) AS heard
	WHERE heard.alert = alerts.id AND state <> 'resolved';

-- A message is given up for its age, and is young again when it is sent again by hand.
ALTER TABLE outbox ADD COLUMN again_ms INTEGER; -- when that was; NULL: never

-- Channels whose receiver said when it will be spoken to again (Retry-After).
CREATE TABLE held_channels (
	channel  TEXT PRIMARY KEY,
	until_ms INTEGER NOT NULL
) STRICT;
