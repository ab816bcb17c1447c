-- What a run that starts other runs has fixed at its start: the versions of their workflows, by the texts with which
-- flows name these, and the credits held for one run of each. NULL for a run that starts none, and in rows of earlier
-- releases, whose steps start the version that is current when they run.
ALTER TABLE executions ADD COLUMN pins json;

DO $$
DECLARE
    part regclass;
BEGIN
    IF EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
    THEN
        FOR part IN
            SELECT 'executions'::regclass UNION
            SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'executions'::regclass
        LOOP
            EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN pins SET COMPRESSION lz4', part);
        END LOOP;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION stored_bytes(e executions) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 512 + coalesce(octet_length(e.flow::text), 0) + octet_length(e.input::text)
        + coalesce(octet_length(e.fork_input::text), 0) + coalesce(octet_length(e.copied_inputs::text), 0)
        + coalesce(octet_length(e.pins::text), 0);
