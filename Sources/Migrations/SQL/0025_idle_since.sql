-- A worker that was killed leaves its row, which is removed when it is old.
ALTER TABLE idle_workers ADD COLUMN since timestamptz NOT NULL DEFAULT now();
