-- What has happened to runs, for those who watch them: a row for each commit of a run, kept for an hour. Rows are written
-- only while someone reads events of the run's owner.
CREATE TABLE events (
    -- At least the id of the transaction that wrote the row, and not less than in earlier rows of the run: a transaction
    -- that waits for another one may have the lower id. So the rows of a run are in the order of (xid, id), and all rows
    -- below the oldest transaction in progress are there.
    xid          xid8 NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    user_id      uuid NOT NULL,
    execution_id uuid NOT NULL,
    -- The API key that started the run; NULL if none did.
    key_id       uuid,
    -- An array of changes, in their order: {"step": …} or {"execution": …}.
    changes      json NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (xid, id)
);
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
    THEN
        ALTER TABLE events ALTER COLUMN changes SET COMPRESSION lz4;
    END IF;
END
$$;
CREATE INDEX events_execution ON events (execution_id, xid, id);
CREATE INDEX events_user ON events (user_id, xid, id);
CREATE INDEX events_created ON events (created_at);

-- The users whose events are read, and the nil UUID while the events of all users are. Several processes may read them.
CREATE TABLE event_readers (
    user_id    uuid PRIMARY KEY,
    -- All events from this transaction on are in the log; NULL until it is known.
    since      xid8,
    expires_at timestamptz NOT NULL
);

-- Writes what a transaction does to a run, if anyone reads it. The transaction has an id already and holds the lock of
-- the run. The query of the function sees what was committed until then: so a reader has only to wait for transactions
-- that are older than its row.
CREATE FUNCTION write_events(owner uuid, run uuid, key uuid, happened json) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    written bigint;
BEGIN
    IF EXISTS (
        SELECT FROM event_readers r
        WHERE r.user_id IN (owner, '00000000-0000-0000-0000-000000000000') AND r.expires_at > now())
    THEN
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
