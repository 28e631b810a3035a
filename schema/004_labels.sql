-- Labels and runbook of an alert as they were, filled: a past alert says them even when its rule is another now, or gone.

ALTER TABLE alerts ADD COLUMN labels TEXT;  -- {"team":"ops"}; NULL: of a time when they were not kept
ALTER TABLE alerts ADD COLUMN runbook TEXT; -- NULL: none
ALTER TABLE alert_changes ADD COLUMN labels TEXT;
ALTER TABLE alert_changes ADD COLUMN runbook TEXT;
