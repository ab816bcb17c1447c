-- The end of a run that has lasted longer than RUN_LIFETIME.
ALTER TYPE run_status ADD VALUE 'expired';

-- The least id of a run that was created at that time or later: ids are UUIDv7 (RFC 9562, section 5.7), which begin
-- with the milliseconds since 1970.
CREATE FUNCTION first_id(moment timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN rpad(lpad(to_hex(greatest(0, floor(extract(epoch FROM moment) * 1000))::bigint), 12, '0'), 32, '0')::uuid;

-- The time in an id.
CREATE FUNCTION time_of(id uuid) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);

-- All runs so far, and those of the weeks to come, are to become one partition of the history, which ends with a month.
-- The next migration verifies that they lie before that end, while the tables are in use; then the one after it does
-- not have to read them. Until then no run can be stored that lies after the end, which is more than a month ahead.
DO $$
DECLARE
    newest timestamptz;
    bound  uuid;
BEGIN
    SELECT time_of(max.id) INTO newest FROM (
        (SELECT id FROM executions ORDER BY id DESC LIMIT 1)
        UNION ALL (SELECT execution_id FROM steps ORDER BY execution_id DESC LIMIT 1)) max
    ORDER BY max.id DESC LIMIT 1;
    -- By a clock that is ahead, ids may be in the future.
    bound := first_id(greatest(
        date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months',
        date_trunc('month', newest AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format(
        'ALTER TABLE executions_default ADD CONSTRAINT history_bound CHECK (id < %L) NOT VALID', bound);
    EXECUTE format(
        'ALTER TABLE steps_default ADD CONSTRAINT history_bound CHECK (execution_id < %L) NOT VALID', bound);
END
$$;
