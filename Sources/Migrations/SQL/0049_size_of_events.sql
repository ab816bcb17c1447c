-- The size of the changes in bytes, so that a reader can take as much as it has room for without reading them.
ALTER TABLE events ADD COLUMN size integer NOT NULL DEFAULT 0;

-- As before, with the size. An earlier row of the run counts only if its transaction is one of this server: a dump may
-- have brought rows of a server that has had more transactions.
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
        INSERT INTO events (xid, user_id, execution_id, key_id, changes, size)
        VALUES (
            greatest(pg_current_xact_id(), (
                SELECT e.xid FROM events e
                WHERE e.execution_id = run AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
                ORDER BY e.xid DESC, e.id DESC LIMIT 1)),
            owner, run, key, happened, octet_length(happened::text))
        RETURNING id INTO written;
    END IF;
    RETURN written;
END
$$;
