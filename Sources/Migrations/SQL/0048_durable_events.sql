-- As before, but a transaction that writes an event waits for the disk, also if it would not otherwise (as those that
-- start the runs of schedules): what readers get must not be undone by a crash of the server, after which other events
-- could have lower places than the ones that readers have got.
CREATE OR REPLACE FUNCTION write_events(owner uuid, run uuid, key uuid, happened json) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    written bigint;
BEGIN
    IF EXISTS (
        SELECT FROM event_readers r
        WHERE r.user_id IN (owner, '00000000-0000-0000-0000-000000000000') AND r.expires_at > now())
    THEN
        SET LOCAL synchronous_commit TO DEFAULT;
        INSERT INTO events (xid, user_id, execution_id, key_id, changes)
        VALUES (
            greatest(pg_current_xact_id(), (
                SELECT e.xid FROM events e WHERE e.execution_id = run ORDER BY e.xid DESC, e.id DESC LIMIT 1)),
            owner, run, key, happened)
        RETURNING id INTO written;
    END IF;
    RETURN written;
END
$$;
