-- The history of runs has a partition for each month, of executions and of steps: executions_2026_12 has the runs with
-- ids of December 2026, in UTC. The first one has all runs before the first month. The default partitions are empty:
-- runs get there only if no month was made for them, and are then in no way different.
--
-- The program's role may not change tables. The functions below do it for the program; they belong to the role that
-- migrates, and find what they name in this schema alone.

-- The partitions of executions, with the least id of each and the least one after it; NULL: no bound. The default
-- partition is not among them. Those of steps are alike.
CREATE VIEW history AS
    SELECT substr(c.relname, length('executions_') + 1) AS month,
        substring(b.bound FROM 'FROM \(''(.{36})''\)')::uuid AS first,
        substring(b.bound FROM 'TO \(''(.{36})''\)')::uuid AS after
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) b
    WHERE i.inhparent = 'executions'::regclass AND b.bound <> 'DEFAULT';

-- Partitions that were taken out of the tables: their runs are gone, and each user gets the bytes of these back, which
-- is done in parts. counted: the last run of which it was done.
CREATE TABLE dropped_history (
    month   text PRIMARY KEY,
    counted uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);

-- Makes the default partitions the partitions of a month, up to a bound that all their rows precede, and makes new
-- default partitions. The rows are not read if a constraint says so.
CREATE FUNCTION bound_default_history(month text, first text, after uuid) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    part   text;
    index  record;
BEGIN
    LOCK TABLE executions, steps IN ACCESS EXCLUSIVE MODE;
    FOREACH parent IN ARRAY ARRAY['executions', 'steps'] LOOP
        part := parent || '_' || month;
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, parent || '_default');
        EXECUTE format('ALTER TABLE %I RENAME TO %I', parent || '_default', part);
        FOR index IN
            SELECT c.relname AS name FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
            WHERE x.indrelid = part::regclass
        LOOP
            EXECUTE format(
                'ALTER INDEX %I RENAME TO %I', index.name, replace(index.name, parent || '_default', part));
        END LOOP;
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%L)', parent, part, first, after);
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_default', parent);
    END LOOP;
END
$$;

-- Makes the partitions of this month and the next two, if they are missing, and returns how many. If months were
-- missed, so that the default partitions have rows, these become the partitions of the months up to the next one. Their
-- rows are read for that under a lock that all runs wait for; if they are more than `maximum`, nothing is made, and the
-- result is -1.
CREATE FUNCTION make_history_partitions(maximum bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    made   integer := 0;
    parent text;
    part   text;
    newest timestamptz;
    first  uuid;
    after  uuid;
BEGIN
    -- "flow" in ASCII, and any number.
    IF NOT pg_try_advisory_xact_lock(x'666C6F770000002D'::bigint) THEN
        RETURN 0;
    END IF;
    SELECT h.after INTO first FROM history h ORDER BY h.after DESC LIMIT 1;
    SELECT time_of(rows.id) INTO newest FROM (
        (SELECT id FROM executions_default ORDER BY id DESC LIMIT 1)
        UNION ALL (SELECT execution_id FROM steps_default ORDER BY execution_id DESC LIMIT 1)) rows
    ORDER BY rows.id DESC LIMIT 1;
    IF newest IS NOT NULL THEN
        IF maximum < (
            SELECT count(*) FROM (
                (SELECT FROM executions_default LIMIT maximum + 1)
                UNION ALL (SELECT FROM steps_default LIMIT maximum + 1)) rows)
        THEN
            RETURN -1;
        END IF;
        after := first_id(date_trunc('month', greatest(now(), newest)) + interval '1 month');
        IF after > first THEN
            PERFORM bound_default_history(to_char(time_of(first), 'YYYY_MM'), quote_literal(first), after);
            made := 1;
            first := after;
        END IF;
    END IF;
    WHILE first < first_id(date_trunc('month', now()) + interval '3 months') AND made < 12 LOOP
        after := first_id(time_of(first) + interval '1 month');
        FOREACH parent IN ARRAY ARRAY['executions', 'steps'] LOOP
            part := parent || '_' || to_char(time_of(first), 'YYYY_MM');
            -- Not as a partition at once, which would lock the whole table.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
            EXECUTE format(
                'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, first, after);
        END LOOP;
        made := made + 1;
        first := after;
    END LOOP;
    RETURN made;
END
$$;

-- The columns of a table in their order, as a list for a statement in which a dropped partition of it has that alias.
-- Those that were added since it was dropped are NULL.
CREATE FUNCTION history_columns(parent regclass, part regclass, alias text) RETURNS text
    LANGUAGE sql STABLE
    RETURN (
        SELECT string_agg(
            CASE WHEN p.attname IS NULL THEN format('NULL::%s', format_type(a.atttypid, a.atttypmod))
                ELSE format('%I.%I', alias, a.attname) END, ', ' ORDER BY a.attnum)
        FROM pg_attribute a
        LEFT JOIN pg_attribute p ON p.attrelid = part AND p.attname = a.attname AND NOT p.attisdropped
        WHERE a.attrelid = parent AND a.attnum > 0 AND NOT a.attisdropped);

-- Takes the oldest partition out of the tables if all of its runs were created before that time, which must be 31 days
-- ago at least, and none of them is active. Returns its month; NULL: there is none.
CREATE FUNCTION drop_history_partition(before timestamptz) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    oldest record;
    parent text;
BEGIN
    IF before IS NULL OR before > now() - interval '31 days' THEN
        RAISE EXCEPTION 'history is kept for 31 days' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT pg_try_advisory_xact_lock(x'666C6F770000002D'::bigint) THEN
        RETURN NULL;
    END IF;
    SELECT h.month, h.after INTO oldest FROM history h
    WHERE h.after <= first_id(before) ORDER BY h.after LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Looked at once more under the lock, before which a run may have been resumed.
    FOR attempt IN 1..2 LOOP
        IF EXISTS (SELECT FROM queue q WHERE q.execution_id < oldest.after) THEN
            RAISE EXCEPTION 'a run of this history is active' USING ERRCODE = 'object_in_use';
        END IF;
        IF attempt = 1 THEN
            LOCK TABLE ONLY executions, ONLY steps IN ACCESS EXCLUSIVE MODE;
        END IF;
    END LOOP;
    FOREACH parent IN ARRAY ARRAY['executions', 'steps'] LOOP
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, parent || '_' || oldest.month);
    END LOOP;
    INSERT INTO dropped_history (month) VALUES (oldest.month);
    RETURN oldest.month;
END
$$;

-- Gives users the bytes of at most so many runs of a dropped partition back, and drops its tables after the last one.
-- Returns how many runs they were, and the deleted workflows that they named, with their owners; no row: there is no
-- dropped partition, or another transaction is at it.
CREATE FUNCTION count_dropped_history(maximum integer, OUT runs bigint, OUT owners uuid[], OUT workflows uuid[])
    RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    dropped record;
    last    uuid;
BEGIN
    SELECT d.month, d.counted INTO dropped FROM dropped_history d ORDER BY d.month LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    EXECUTE format(
        $query$
        WITH batch AS MATERIALIZED (
            SELECT e.id, e.user_id, e.workflow_id, stored_bytes(ROW(%3$s)::executions) AS bytes
            FROM %1$I e WHERE e.id > $1 ORDER BY e.id LIMIT $2
        ), given_back AS (
            INSERT INTO storage_changes (user_id, bytes)
            SELECT c.user_id, -sum(c.bytes) FROM (
                SELECT b.user_id, b.bytes + coalesce((
                    SELECT sum(stored_bytes(ROW(%4$s)::steps)) FROM %2$I s WHERE s.execution_id = b.id), 0) AS bytes
                FROM batch b) c
            -- Nothing is counted for a deleted account any more.
            JOIN users u ON u.id = c.user_id AND u.deleted_at IS NULL
            GROUP BY c.user_id
        ), deleted AS (
            SELECT DISTINCT w.user_id, w.id FROM batch b JOIN workflows w ON w.id = b.workflow_id
            WHERE w.deleted_at IS NOT NULL)
        SELECT (SELECT count(*) FROM batch), (SELECT b.id FROM batch b ORDER BY b.id DESC LIMIT 1),
            ARRAY(SELECT d.user_id FROM deleted d ORDER BY d.id), ARRAY(SELECT d.id FROM deleted d ORDER BY d.id)
        $query$,
        'executions_' || dropped.month, 'steps_' || dropped.month,
        history_columns('executions', ('executions_' || dropped.month)::regclass, 'e'),
        history_columns('steps', ('steps_' || dropped.month)::regclass, 's'))
    INTO runs, last, owners, workflows USING dropped.counted, maximum;
    IF runs < maximum THEN
        EXECUTE format('DROP TABLE %I, %I', 'executions_' || dropped.month, 'steps_' || dropped.month);
        DELETE FROM dropped_history d WHERE d.month = dropped.month;
    ELSE
        UPDATE dropped_history d SET counted = last WHERE d.month = dropped.month;
    END IF;
    RETURN NEXT;
END
$$;

DO $$
DECLARE
    function regprocedure;
BEGIN
    FOREACH function IN ARRAY ARRAY[
        'make_history_partitions(bigint)', 'drop_history_partition(timestamptz)', 'count_dropped_history(integer)']
        ::regprocedure[]
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', function);
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
    END LOOP;
    PERFORM bound_default_history(
        'first', 'MINVALUE', substring(pg_get_constraintdef(oid) FROM '''(.{36})''')::uuid)
    FROM pg_constraint WHERE conrelid = 'executions_default'::regclass AND conname = 'history_bound';
    ALTER TABLE executions_first DROP CONSTRAINT history_bound;
    ALTER TABLE steps_first DROP CONSTRAINT history_bound;
    PERFORM make_history_partitions(0);
END
$$;
