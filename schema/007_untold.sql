-- Do channels not know of an alert's present severity yet? It was out of hours, inhibited or silenced: to be told when that is over.
ALTER TABLE alerts ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
