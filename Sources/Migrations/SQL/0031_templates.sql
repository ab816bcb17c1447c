-- The input of a step, if it cannot be derived from what else is stored: templates gave it, or a failed step leaves it
-- to the next one.
ALTER TABLE steps ADD COLUMN input json;

DO $$
DECLARE
    part regclass;
BEGIN
    IF EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
    THEN
        FOR part IN
            SELECT 'steps'::regclass UNION
            SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'steps'::regclass
        LOOP
            EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN input SET COMPRESSION lz4', part);
        END LOOP;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION stored_bytes(s steps) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN CASE WHEN s.status IN ('success', 'failure')
        THEN 128 + coalesce(octet_length(s.input::text), 0) + coalesce(octet_length(s.output::text), 0)
            + coalesce(octet_length(s.error::text), 0)
        ELSE 0 END;

-- Whether a task without an input gets the error of a failed task before it. In flows that were stored before, it gets
-- null. Of an execution it is NULL if its flow is that of a workflow's version.
ALTER TABLE workflow_versions ADD COLUMN passes_errors boolean NOT NULL DEFAULT false;
ALTER TABLE executions ADD COLUMN passes_errors boolean;
