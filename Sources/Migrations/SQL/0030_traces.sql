-- The place in a distributed trace (traceparent, W3C Trace Context) of the call that started a run. NULL without one,
-- and in rows of earlier releases.
ALTER TABLE executions ADD COLUMN traceparent text;
