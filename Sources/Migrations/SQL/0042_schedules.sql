-- When a workflow is run without a call: at most one schedule each. next_times: the next instants at which it fires,
-- none while it is paused or cannot fire. decided_until: what has become of every instant up to this one is settled.
-- misfire_window in seconds. last_run: the run that was started last. last, problem: as they are shown; problem: why
-- the last instant started no run, NULL if nothing has to be done about it.
CREATE TABLE schedules (
    id             uuid PRIMARY KEY,
    workflow_id    uuid NOT NULL REFERENCES workflows (id),
    user_id        uuid NOT NULL REFERENCES users (id),
    cron           text NOT NULL,
    timezone       text NOT NULL,
    misfire        text NOT NULL CHECK (misfire IN ('skip', 'once', 'all')),
    misfire_window integer NOT NULL CHECK (misfire_window > 0),
    overlap        text NOT NULL CHECK (overlap IN ('allow', 'skip')),
    input          json NOT NULL,
    paused         boolean NOT NULL,
    version        bigint NOT NULL DEFAULT 1,
    decided_until  timestamptz NOT NULL,
    next_times     timestamptz[] NOT NULL,
    next_at        timestamptz GENERATED ALWAYS AS (next_times[1]) STORED,
    last           json,
    last_run       uuid,
    problem        json,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX schedules_workflow ON schedules (workflow_id);
CREATE INDEX schedules_user ON schedules (user_id, created_at, id);
CREATE INDEX schedules_created ON schedules (created_at, id);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
    THEN
        ALTER TABLE schedules ALTER COLUMN input SET COMPRESSION lz4;
        ALTER TABLE schedules ALTER COLUMN last SET COMPRESSION lz4;
        ALTER TABLE schedules ALTER COLUMN problem SET COMPRESSION lz4;
    END IF;
END
$$;

CREATE FUNCTION stored_bytes(s schedules) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 512 + octet_length(s.input::text);

CREATE OR REPLACE VIEW stored AS
    SELECT user_id, stored_bytes(d) AS bytes FROM documents d
    UNION ALL SELECT user_id, stored_bytes(p) FROM posts p
    UNION ALL SELECT w.user_id, stored_bytes(v) FROM workflow_versions v JOIN workflows w ON w.id = v.workflow_id
    UNION ALL SELECT user_id, stored_bytes(e) FROM executions e
    UNION ALL SELECT e.user_id, stored_bytes(s) FROM steps s JOIN executions e ON e.id = s.execution_id
    UNION ALL SELECT user_id, bytes FROM idempotency_keys
    UNION ALL SELECT user_id, stored_bytes(s) FROM schedules s;

-- What the clocks of a time zone show at an instant, in minutes since 1970-01-01 00:00.
CREATE FUNCTION wall_clock(instant timestamptz, zone text) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN floor(extract(epoch FROM instant AT TIME ZONE zone) / 60)::bigint;

-- The instants at which the clocks of a time zone show these times, which are minutes since 1970-01-01 00:00, each
-- instant once and in order.
--
-- A time is shown twice when clocks are set back: both instants if `twice`, else the first. A time that is passed over
-- when clocks are set forward becomes the instant at which it would have been shown: as much later than it, as the
-- clocks were set forward. So the instants are looked for with the offsets from UTC before and after.
CREATE FUNCTION instants(minutes bigint[], zone text, twice boolean) RETURNS SETOF timestamptz
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT f.instant
    FROM (
        SELECT timestamp '1970-01-01 00:00' + m * interval '1 minute' AS shown FROM unnest(minutes) m
    ) t
    CROSS JOIN LATERAL (
        SELECT ((t.shown - interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE zone) - (t.shown - interval '1 day')
                AS before,
            ((t.shown + interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE zone) - (t.shown + interval '1 day')
                AS after
    ) o
    CROSS JOIN LATERAL (
        SELECT (t.shown - o.before) AT TIME ZONE 'UTC' AS early, (t.shown - o.after) AT TIME ZONE 'UTC' AS late
    ) c
    CROSS JOIN LATERAL (
        SELECT c.early AS instant WHERE c.early AT TIME ZONE zone = t.shown OR c.late AT TIME ZONE zone <> t.shown
        UNION ALL
        SELECT c.late WHERE c.late AT TIME ZONE zone = t.shown AND (twice OR c.early AT TIME ZONE zone <> t.shown)
    ) f
    ORDER BY f.instant;
END;
