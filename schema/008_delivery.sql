-- Who heard of an alert hears all that follows, to its end, whatever its severity is then.
ALTER TABLE alerts ADD COLUMN told TEXT; -- ["ops"]: channels; NULL: none
UPDATE alerts SET told = heard.channels
	FROM (SELECT alert, json_group_array(DISTINCT channel) AS channels FROM outbox WHERE alert IS NOT NULL GROUP BY alert) AS heard
	WHERE heard.alert = alerts.id AND state <> 'resolved';
