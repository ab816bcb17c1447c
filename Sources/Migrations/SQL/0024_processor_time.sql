-- The processor time that a run had used when it ended, in microseconds: a run that is resumed has only the rest of it.
ALTER TABLE executions ADD COLUMN processor_us bigint NOT NULL DEFAULT 0;
