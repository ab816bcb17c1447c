-- Reads all runs, and disturbs neither reads nor writes.
ALTER TABLE executions_default VALIDATE CONSTRAINT history_bound;
ALTER TABLE steps_default VALIDATE CONSTRAINT history_bound;
