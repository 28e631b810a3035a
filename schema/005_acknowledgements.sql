-- The acknowledgement of an alert, beside who and note of what is shown, which are the silence's while there is one.

ALTER TABLE alerts ADD COLUMN acked_ms INTEGER; -- NULL: nobody said "seen"
ALTER TABLE alerts ADD COLUMN ack_who TEXT;
ALTER TABLE alerts ADD COLUMN ack_note TEXT;

UPDATE alerts SET ack_who = who, ack_note = note, acked_ms = (
	SELECT c.changed_ms FROM alert_changes AS c WHERE c.alert = alerts.id AND c.state = 'acknowledged' ORDER BY c.seq DESC LIMIT 1
) WHERE state = 'acknowledged';
