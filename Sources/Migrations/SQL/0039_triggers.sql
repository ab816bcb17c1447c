-- What started a run without a call of a user: an object with the `type` and the id of a schedule or a hook, and what
-- it was due to. NULL for runs that a call or another run started, and in rows of earlier releases.
ALTER TABLE executions ADD COLUMN trigger json;

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
            EXECUTE format('ALTER TABLE ONLY %s ALTER COLUMN trigger SET COMPRESSION lz4', part);
        END LOOP;
    END IF;
END
$$;
