CREATE TYPE public.run_status AS ENUM (
    'queued',
    'running',
    'waiting',
    'completed',
    'ended_early',
    'failed',
    'canceled',
    'expired'
);

CREATE TYPE public.step_status AS ENUM (
    'success',
    'failure',
    'running',
    'waiting',
    'canceled'
);

CREATE FUNCTION public.admit_runs(workflow uuid) RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE queue SET is_admitted = true
    WHERE execution_id = ANY(ARRAY(
        SELECT q.execution_id FROM queue q
        WHERE q.workflow_id = workflow AND q.is_limited AND NOT q.is_admitted AND q.state = 'queued'
        ORDER BY q.execution_id
        LIMIT (
            SELECT greatest(0, w.concurrency - (
                SELECT count(*) FROM queue r WHERE r.workflow_id = workflow AND r.is_limited AND r.is_admitted))
            FROM workflows w WHERE w.id = workflow AND w.concurrency IS NOT NULL)))
$$;

CREATE TABLE public.audit_log (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    action text NOT NULL,
    origin text NOT NULL,
    actor uuid,
    subject uuid,
    address text,
    detail json NOT NULL,
    period timestamp with time zone,
    "position" bigint,
    seal bytea,
    CONSTRAINT audit_log_is_sealed_whole CHECK ((("position" IS NULL) = (seal IS NULL))),
    CONSTRAINT audit_log_position_check CHECK (("position" > 0))
);
ALTER TABLE ONLY public.audit_log ALTER COLUMN detail SET COMPRESSION lz4;

CREATE FUNCTION public.audit_seal(entry public.audit_log, place bigint, before bytea) RETURNS bytea
    LANGUAGE sql STABLE
    RETURN sha256((before || convert_to((json_build_array(place, (entry).id, ((EXTRACT(epoch FROM (entry).created_at) * (1000000)::numeric))::bigint, (entry).action, (entry).origin, (entry).actor, (entry).subject, (entry).address, (entry).detail, ((EXTRACT(epoch FROM (entry).period) * (1000000)::numeric))::bigint))::text, 'UTF8'::name)));

CREATE FUNCTION public.bound_default_history(month text, first text, after uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.count_documents() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    total integer;
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE document_counts SET documents = documents - 1 WHERE user_id = OLD.user_id;
        RETURN NULL;
    END IF;
    INSERT INTO document_counts AS c (user_id, documents) VALUES (NEW.user_id, 1)
    ON CONFLICT (user_id) DO UPDATE SET documents = c.documents + 1
    RETURNING documents INTO total;
    IF total > 10000 THEN
        RAISE EXCEPTION 'the user has the maximum number of documents'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'documents_bounded';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.count_dropped_history(maximum integer, OUT runs bigint, OUT owners uuid[], OUT workflows uuid[]) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '500ms'
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
$_$;

CREATE FUNCTION public.doubt_changed_email() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.email_confirmed := false;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.drop_history_partition(before timestamp with time zone) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '500ms'
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.first_id(moment timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (rpad(lpad(to_hex((GREATEST((0)::numeric, floor((EXTRACT(epoch FROM moment) * (1000)::numeric))))::bigint), 12, '0'::text), 32, '0'::text))::uuid;

CREATE FUNCTION public.fold_storage(quota bigint, guest_quota bigint) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    folded integer;
    owners uuid[];
BEGIN
    -- "flow" in ASCII, and any number.
    IF NOT pg_try_advisory_xact_lock(x'666C6F7700000015'::bigint) THEN
        RETURN 0;
    END IF;
    WITH taken AS (
        DELETE FROM storage_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM storage_changes LIMIT 5000))
        RETURNING user_id, bytes
    ), added AS (
        INSERT INTO storage AS s (user_id, shard, bytes)
        SELECT user_id, -1, sum(bytes) FROM taken GROUP BY user_id
        ON CONFLICT (user_id, shard) DO UPDATE SET bytes = s.bytes + excluded.bytes
        RETURNING s.user_id
    )
    SELECT (SELECT count(*) FROM taken), (SELECT array_agg(user_id) FROM added) INTO folded, owners;
    UPDATE users u SET is_full = now_full
    FROM (
        SELECT s.user_id,
            sum(s.bytes) >= (
                SELECT CASE o.role WHEN 'guest' THEN guest_quota ELSE quota END FROM users o WHERE o.id = s.user_id)
            AS now_full
        FROM storage s WHERE s.user_id = ANY (owners) GROUP BY s.user_id
    ) f
    WHERE u.id = f.user_id AND u.is_full <> now_full;
    -- Also those whose quota has grown, or who have deleted something during an earlier fold.
    UPDATE users u SET is_full = false
    WHERE u.is_full AND (SELECT coalesce(sum(s.bytes), 0) FROM storage s WHERE s.user_id = u.id)
        < CASE u.role WHEN 'guest' THEN guest_quota ELSE quota END;
    RETURN folded;
END
$$;

CREATE FUNCTION public.folded(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower((NORMALIZE(name) COLLATE "und-x-icu"));

CREATE FUNCTION public.guard_audit_log() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    before bytea := '';
BEGIN
    IF TG_OP = 'INSERT' AND NEW.position IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.position IS NULL THEN
        IF NEW.position > 1 THEN
            SELECT a.seal INTO before FROM audit_log a WHERE a.position = NEW.position - 1;
        END IF;
        -- The seal of what the row was is that of what it becomes: nothing but the seal is new.
        IF NEW.seal = audit_seal(OLD, NEW.position, before) AND NEW.seal = audit_seal(NEW, NEW.position, before) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION public.guard_ledger() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION public.guard_removed_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM executions e WHERE e.workflow_id = OLD.workflow_id AND e.version = OLD.version)
        OR EXISTS (
            SELECT FROM workflows w
            WHERE w.id = OLD.workflow_id AND w.version = OLD.version AND w.deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'a version stays that is the current one or that a run names'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;

CREATE FUNCTION public.guard_workflow_versions() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'versions of workflows stay as they are' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION public.history_columns(parent regclass, part regclass, alias text) RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT string_agg(CASE WHEN (p.attname IS NULL) THEN format('NULL::%s'::text, format_type(a.atttypid, a.atttypmod)) ELSE format('%I.%I'::text, history_columns.alias, a.attname) END, ', '::text ORDER BY a.attnum) AS string_agg FROM (pg_attribute a LEFT JOIN pg_attribute p ON (((p.attrelid = (history_columns.part)::oid) AND (p.attname = a.attname) AND (NOT p.attisdropped)))) WHERE ((a.attrelid = (history_columns.parent)::oid) AND (a.attnum > 0) AND (NOT a.attisdropped)));

CREATE FUNCTION public.instants(minutes bigint[], zone text, twice boolean) RETURNS SETOF timestamp with time zone
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT DISTINCT f.instant
    FROM (((( SELECT ('1970-01-01 00:00:00'::timestamp without time zone + ((m.m)::double precision * '00:01:00'::interval)) AS shown
            FROM unnest(instants.minutes) m(m)) t
      CROSS JOIN LATERAL ( SELECT ((((t.shown - '1 day'::interval) AT TIME ZONE 'UTC'::text) AT TIME ZONE instants.zone) - (t.shown - '1 day'::interval)) AS before,
             ((((t.shown + '1 day'::interval) AT TIME ZONE 'UTC'::text) AT TIME ZONE instants.zone) - (t.shown + '1 day'::interval)) AS after) o)
      CROSS JOIN LATERAL ( SELECT ((t.shown - o.before) AT TIME ZONE 'UTC'::text) AS early,
             ((t.shown - o.after) AT TIME ZONE 'UTC'::text) AS late) c)
      CROSS JOIN LATERAL ( SELECT c.early AS instant
           WHERE (((c.early AT TIME ZONE instants.zone) = t.shown) OR ((c.late AT TIME ZONE instants.zone) <> t.shown))
         UNION ALL
          SELECT c.late
           WHERE (((c.late AT TIME ZONE instants.zone) = t.shown) AND (instants.twice OR ((c.early AT TIME ZONE instants.zone) <> t.shown)))) f)
   ORDER BY f.instant;
END;

CREATE FUNCTION public.lock_places(owner uuid) RETURNS void
    LANGUAGE sql
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended(owner::text, x'666C6F7700000003'::bigint)) $$;

CREATE FUNCTION public.make_history_partitions(maximum bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '500ms'
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.note_removed_secret() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO removed_secrets (credential_id, owner_id) VALUES (OLD.id, OLD.user_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.pass_approvals_to_admins() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM approvers WHERE approver_id = NEW.id) THEN
        RETURN NULL;
    END IF;
    -- The statements that follow see what the transaction has committed that had the lock before.
    PERFORM pg_advisory_xact_lock(x'666C6F7700000025'::bigint);
    INSERT INTO approvers (execution_id, approver_id, step, owner_id, created_at)
    SELECT a.execution_id, '00000000-0000-0000-0000-000000000000', a.step, a.owner_id, a.created_at
    FROM approvers a
    WHERE a.approver_id = NEW.id AND NOT EXISTS (
        SELECT FROM approvers o JOIN users u ON u.id = o.approver_id
        WHERE o.execution_id = a.execution_id AND u.disabled_at IS NULL)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.refuse_bytes() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the quota of the user is exceeded'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'storage_quota';
END
$$;

CREATE TABLE public.records (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    operation text NOT NULL,
    arguments json NOT NULL,
    amount bigint NOT NULL,
    user_balance bigint NOT NULL,
    result json NOT NULL,
    execution_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone
);
ALTER TABLE ONLY public.records ALTER COLUMN arguments SET COMPRESSION lz4;
ALTER TABLE ONLY public.records ALTER COLUMN result SET COMPRESSION lz4;

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text,
    username text,
    name text,
    age integer,
    role text DEFAULT 'client'::text NOT NULL,
    password_hash text,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    runs_ended_at timestamp with time zone,
    is_full boolean DEFAULT false NOT NULL,
    removal_due timestamp with time zone,
    email_digest bytea,
    email_confirmed boolean DEFAULT false NOT NULL,
    CONSTRAINT users_age_check CHECK (((age >= 0) AND (age <= 150))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['guest'::text, 'client'::text, 'admin'::text]))),
    CONSTRAINT users_with_a_password_have_a_name CHECK (((password_hash IS NULL) OR (num_nonnulls(email, username) > 0)))
);

CREATE FUNCTION public.remove_records(account uuid, maximum integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    BEGIN ATOMIC
 WITH gone AS (
          DELETE FROM public.records r
           WHERE ((r.id IN ( SELECT own.id
                    FROM ( SELECT records.id
                            FROM public.records
                           WHERE ((records.user_id = remove_records.account) AND (records.deleted_at IS NULL))
                         UNION ALL
                          SELECT records.id
                            FROM public.records
                           WHERE ((records.user_id = remove_records.account) AND (records.deleted_at IS NOT NULL))) own
                  LIMIT remove_records.maximum)) AND (EXISTS ( SELECT
                    FROM public.users u
                   WHERE ((u.id = remove_records.account) AND (u.deleted_at IS NOT NULL)))))
           RETURNING r.id
         )
  SELECT count(*) AS count
    FROM gone;
END;

CREATE FUNCTION public.rfc3339(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'::text);

CREATE FUNCTION public.seal_audit_log() RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    entry  audit_log;
    place  bigint;
    before bytea;
    sealed integer := 0;
BEGIN
    -- "flow" in ASCII, and any number.
    IF NOT pg_try_advisory_xact_lock(x'666C6F7700000002'::bigint) THEN
        RETURN 0;
    END IF;
    SELECT a.position, a.seal INTO place, before FROM audit_log a
    WHERE a.position IS NOT NULL ORDER BY a.position DESC LIMIT 1;
    FOR entry IN SELECT * FROM audit_log a WHERE a.position IS NULL ORDER BY a.id LIMIT 100 LOOP
        place := coalesce(place, 0) + 1;
        before := audit_seal(entry, place, coalesce(before, ''));
        UPDATE audit_log a SET position = place, seal = before WHERE a.id = entry.id;
        sealed := sealed + 1;
    END LOOP;
    RETURN sealed;
END
$$;

CREATE TABLE public.documents (
    user_id uuid NOT NULL,
    name text NOT NULL,
    value json NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    replaced bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.documents ALTER COLUMN value SET COMPRESSION lz4;

CREATE FUNCTION public.stored_bytes(d public.documents) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN ((128 + octet_length((d).name)) + octet_length(((d).value)::text));

CREATE TABLE public.executions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    flow json,
    input json NOT NULL,
    status public.run_status NOT NULL,
    stopped_at text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    workflow_id uuid,
    version integer,
    error json,
    cost bigint DEFAULT 0 NOT NULL,
    parent_id uuid,
    parent_step integer,
    item integer,
    forked_from uuid,
    fork_step integer,
    fork_input json,
    descendants integer DEFAULT 0 NOT NULL,
    parent_attempt integer,
    started_by uuid,
    started_by_key uuid,
    differs json,
    copied_inputs json,
    processor_us bigint DEFAULT 0 NOT NULL,
    flow_id text,
    flow_name text,
    traceparent text,
    passes_errors boolean,
    pins json,
    trigger json,
    CONSTRAINT executions_have_a_flow CHECK (((flow IS NOT NULL) OR ((workflow_id IS NOT NULL) AND (version IS NOT NULL))))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY public.executions ALTER COLUMN flow SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN input SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN error SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN fork_input SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN differs SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN copied_inputs SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN pins SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions ALTER COLUMN trigger SET COMPRESSION lz4;

CREATE FUNCTION public.stored_bytes(e public.executions) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (((((512 + COALESCE(octet_length(((e).flow)::text), 0)) + octet_length(((e).input)::text)) + COALESCE(octet_length(((e).fork_input)::text), 0)) + COALESCE(octet_length(((e).copied_inputs)::text), 0)) + COALESCE(octet_length(((e).pins)::text), 0));

CREATE TABLE public.posts (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    published boolean NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE FUNCTION public.stored_bytes(p public.posts) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN ((128 + octet_length((p).title)) + octet_length((p).content));

CREATE TABLE public.schedules (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    user_id uuid NOT NULL,
    cron text NOT NULL,
    timezone text NOT NULL,
    misfire text NOT NULL,
    misfire_window integer NOT NULL,
    overlap text NOT NULL,
    input json NOT NULL,
    paused boolean NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    decided_until timestamp with time zone NOT NULL,
    next_times timestamp with time zone[] NOT NULL,
    next_at timestamp with time zone GENERATED ALWAYS AS (next_times[1]) STORED,
    last json,
    last_run uuid,
    problem json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schedules_misfire_check CHECK ((misfire = ANY (ARRAY['skip'::text, 'once'::text, 'all'::text]))),
    CONSTRAINT schedules_misfire_window_check CHECK ((misfire_window > 0)),
    CONSTRAINT schedules_overlap_check CHECK ((overlap = ANY (ARRAY['allow'::text, 'skip'::text])))
)
WITH (fillfactor='70');
ALTER TABLE ONLY public.schedules ALTER COLUMN input SET COMPRESSION lz4;
ALTER TABLE ONLY public.schedules ALTER COLUMN last SET COMPRESSION lz4;
ALTER TABLE ONLY public.schedules ALTER COLUMN problem SET COMPRESSION lz4;

CREATE FUNCTION public.stored_bytes(s public.schedules) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (512 + octet_length(((s).input)::text));

CREATE TABLE public.steps (
    execution_id uuid NOT NULL,
    seq integer NOT NULL,
    task text NOT NULL,
    type text NOT NULL,
    status public.step_status NOT NULL,
    attempt integer NOT NULL,
    output json,
    error json,
    condition text,
    next text,
    started_us bigint NOT NULL,
    duration_us bigint NOT NULL,
    cost bigint DEFAULT 0 NOT NULL,
    superseded boolean DEFAULT false NOT NULL,
    input json
)
PARTITION BY RANGE (execution_id);
ALTER TABLE ONLY public.steps ALTER COLUMN output SET COMPRESSION lz4;
ALTER TABLE ONLY public.steps ALTER COLUMN error SET COMPRESSION lz4;
ALTER TABLE ONLY public.steps ALTER COLUMN input SET COMPRESSION lz4;

CREATE FUNCTION public.stored_bytes(s public.steps) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN CASE WHEN ((s).status = ANY (ARRAY['success'::public.step_status, 'failure'::public.step_status])) THEN (((128 + COALESCE(octet_length(((s).input)::text), 0)) + COALESCE(octet_length(((s).output)::text), 0)) + COALESCE(octet_length(((s).error)::text), 0)) ELSE 0 END;

CREATE TABLE public.workflow_versions (
    workflow_id uuid NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text,
    flow json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    passes_errors boolean DEFAULT false NOT NULL,
    input_schema json,
    CONSTRAINT workflow_versions_version_check CHECK ((version > 0))
);
ALTER TABLE ONLY public.workflow_versions ALTER COLUMN flow SET COMPRESSION lz4;
ALTER TABLE ONLY public.workflow_versions ALTER COLUMN input_schema SET COMPRESSION lz4;

CREATE FUNCTION public.stored_bytes(v public.workflow_versions) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN ((((128 + octet_length((v).name)) + COALESCE(octet_length((v).description), 0)) + octet_length(((v).flow)::text)) + COALESCE(octet_length(((v).input_schema)::text), 0));

CREATE FUNCTION public.time_of(id uuid) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_timestamp((((((('x'::text || "left"(replace((id)::text, '-'::text, ''::text), 12)))::bit(48))::bigint)::numeric / 1000.0))::double precision);

CREATE FUNCTION public.uuid_v7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING substr(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint), 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;

CREATE FUNCTION public.wall_clock(instant timestamp with time zone, zone text) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (floor((EXTRACT(epoch FROM (instant AT TIME ZONE zone)) / (60)::numeric)))::bigint;

CREATE FUNCTION public.write_events(owner uuid, run uuid, key uuid, happened json) RETURNS bigint
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

CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT api_keys_scopes_check CHECK ((cardinality(scopes) > 0))
);

CREATE TABLE public.approvers (
    execution_id uuid NOT NULL,
    approver_id uuid NOT NULL,
    step integer NOT NULL,
    owner_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.credentials (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    header text,
    hosts text[] NOT NULL,
    sealed bytea,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credentials_check CHECK (((header IS NOT NULL) = (kind = 'header'::text))),
    CONSTRAINT credentials_hosts_check CHECK ((cardinality(hosts) > 0)),
    CONSTRAINT credentials_kind_check CHECK ((kind = ANY (ARRAY['bearer'::text, 'basic'::text, 'header'::text])))
);

CREATE TABLE public.credits (
    user_id uuid NOT NULL,
    balance bigint NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    entries bigint NOT NULL,
    CONSTRAINT credits_suffice CHECK ((balance >= 0)),
    CONSTRAINT held_credits_suffice CHECK ((held >= 0))
);

CREATE TABLE public.document_counts (
    user_id uuid NOT NULL,
    documents integer NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.dropped_history (
    month text NOT NULL,
    counted uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL
);

CREATE TABLE public.end_notifications (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    status text NOT NULL,
    run_created_at timestamp with time zone NOT NULL,
    run_finished_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    lease uuid,
    give_up_at timestamp with time zone NOT NULL,
    last_status integer,
    last_error text,
    last_answer text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT end_notifications_are_due CHECK (((state = 'pending'::text) = (due_at IS NOT NULL))),
    CONSTRAINT end_notifications_have_ended CHECK (((state = 'pending'::text) = (ended_at IS NULL))),
    CONSTRAINT end_notifications_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text, 'dropped'::text])))
);

CREATE TABLE public.end_secrets (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    user_id uuid NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamp with time zone
);

CREATE TABLE public.event_readers (
    user_id uuid NOT NULL,
    since xid8,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.events (
    xid xid8 NOT NULL,
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    key_id uuid,
    changes json NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    size integer DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.events ALTER COLUMN changes SET COMPRESSION lz4;

ALTER TABLE public.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.executions_default (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    flow json,
    input json NOT NULL,
    status public.run_status NOT NULL,
    stopped_at text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    workflow_id uuid,
    version integer,
    error json,
    cost bigint DEFAULT 0 NOT NULL,
    parent_id uuid,
    parent_step integer,
    item integer,
    forked_from uuid,
    fork_step integer,
    fork_input json,
    descendants integer DEFAULT 0 NOT NULL,
    parent_attempt integer,
    started_by uuid,
    started_by_key uuid,
    differs json,
    copied_inputs json,
    processor_us bigint DEFAULT 0 NOT NULL,
    flow_id text,
    flow_name text,
    traceparent text,
    passes_errors boolean,
    pins json,
    trigger json,
    CONSTRAINT executions_have_a_flow CHECK (((flow IS NOT NULL) OR ((workflow_id IS NOT NULL) AND (version IS NOT NULL))))
);
ALTER TABLE ONLY public.executions_default ALTER COLUMN flow SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN input SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN error SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN fork_input SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN differs SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN copied_inputs SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN pins SET COMPRESSION lz4;
ALTER TABLE ONLY public.executions_default ALTER COLUMN trigger SET COMPRESSION lz4;

CREATE TABLE public.guests (
    network text NOT NULL,
    user_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE VIEW public.history AS
 SELECT substr((c.relname)::text, (length('executions_'::text) + 1)) AS month,
    ("substring"(b.bound, 'FROM \(''(.{36})''\)'::text))::uuid AS first,
    ("substring"(b.bound, 'TO \(''(.{36})''\)'::text))::uuid AS after
   FROM ((pg_inherits i
     JOIN pg_class c ON ((c.oid = i.inhrelid)))
     CROSS JOIN LATERAL ( SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) b)
  WHERE ((i.inhparent = ('public.executions'::regclass)::oid) AND (b.bound <> 'DEFAULT'::text));

CREATE TABLE public.hook_claims (
    hook_id uuid NOT NULL,
    delivery_id text NOT NULL,
    user_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    bytes bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.hook_deliveries (
    id uuid NOT NULL,
    hook_id uuid NOT NULL,
    user_id uuid NOT NULL,
    delivery_id text,
    outcome text NOT NULL,
    execution_id uuid,
    is_test boolean NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.hook_secrets (
    id uuid NOT NULL,
    hook_id uuid NOT NULL,
    user_id uuid NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamp with time zone
);

CREATE TABLE public.hook_tokens (
    digest bytea NOT NULL,
    hook_id uuid NOT NULL,
    user_id uuid NOT NULL,
    expires_at timestamp with time zone
);

CREATE TABLE public.hooks (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    name text,
    scheme text,
    headers text[] DEFAULT '{}'::text[] NOT NULL,
    answer text DEFAULT 'status'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT hooks_answer_check CHECK ((answer = ANY (ARRAY['status'::text, 'result'::text]))),
    CONSTRAINT hooks_scheme_check CHECK ((scheme = ANY (ARRAY['stripe'::text, 'github'::text])))
);

CREATE TABLE public.idempotency_keys (
    user_id uuid NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    body_digest bytea NOT NULL,
    execution_id uuid,
    status integer,
    headers json,
    body text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.idempotency_keys ALTER COLUMN headers SET COMPRESSION lz4;

CREATE TABLE public.identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    blocked_at timestamp with time zone
);

CREATE UNLOGGED TABLE public.idle_workers (
    worker uuid NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.ledger (
    id uuid DEFAULT public.uuid_v7() NOT NULL,
    user_id uuid NOT NULL,
    seq bigint NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    amount bigint NOT NULL,
    balance bigint NOT NULL,
    held bigint NOT NULL,
    execution_id uuid,
    note text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT credits_suffice CHECK ((balance >= 0)),
    CONSTRAINT held_credits_suffice CHECK ((held >= 0)),
    CONSTRAINT ledger_amount_check CHECK ((amount > 0)),
    CONSTRAINT ledger_moves CHECK (((((((debit = 'issued'::text) AND (credit = 'available'::text)) OR ((debit = 'available'::text) AND (credit = 'revenue'::text))) OR ((debit = 'available'::text) AND (credit = 'held'::text))) OR ((debit = 'held'::text) AND (credit = 'revenue'::text))) OR ((debit = 'held'::text) AND (credit = 'available'::text))))
);

CREATE TABLE public.prices (
    task_type text NOT NULL,
    cost bigint NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT prices_cost_check CHECK ((cost >= 0))
);

CREATE TABLE public.queue (
    execution_id uuid NOT NULL,
    user_id uuid NOT NULL,
    workflow_id uuid,
    state public.run_status NOT NULL,
    available_at timestamp with time zone NOT NULL,
    lease uuid,
    lease_until timestamp with time zone,
    claims integer DEFAULT 0 NOT NULL,
    is_woken boolean DEFAULT false NOT NULL,
    signal json,
    held bigint DEFAULT 0 NOT NULL,
    prices json,
    is_limited boolean DEFAULT false NOT NULL,
    is_admitted boolean DEFAULT true NOT NULL,
    parent_id uuid,
    parent_step integer,
    progress json,
    is_suspect boolean DEFAULT false NOT NULL,
    is_alone boolean DEFAULT false NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    CONSTRAINT queue_held_check CHECK ((held >= 0)),
    CONSTRAINT queue_leases_end CHECK (((lease IS NULL) = (lease_until IS NULL)))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY public.queue ALTER COLUMN signal SET COMPRESSION lz4;
ALTER TABLE ONLY public.queue ALTER COLUMN prices SET COMPRESSION lz4;
ALTER TABLE ONLY public.queue ALTER COLUMN progress SET COMPRESSION lz4;

CREATE TABLE public.rate_limits (
    user_id uuid,
    name text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    calls integer NOT NULL,
    network text,
    CONSTRAINT rate_limits_have_a_subject CHECK ((num_nonnulls(user_id, network) = 1))
);

CREATE TABLE public.recovery_codes (
    user_id uuid NOT NULL,
    digest bytea NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE public.removed_secrets (
    credential_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.second_factors (
    user_id uuid NOT NULL,
    secret bytea NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    seed bytea DEFAULT uuid_send(gen_random_uuid()) NOT NULL,
    refresh_number integer DEFAULT 0 NOT NULL,
    refreshed_at timestamp with time zone,
    address text DEFAULT ''::text NOT NULL,
    agent text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.steps_default (
    execution_id uuid NOT NULL,
    seq integer NOT NULL,
    task text NOT NULL,
    type text NOT NULL,
    status public.step_status NOT NULL,
    attempt integer NOT NULL,
    output json,
    error json,
    condition text,
    next text,
    started_us bigint NOT NULL,
    duration_us bigint NOT NULL,
    cost bigint DEFAULT 0 NOT NULL,
    superseded boolean DEFAULT false NOT NULL,
    input json
);
ALTER TABLE ONLY public.steps_default ALTER COLUMN output SET COMPRESSION lz4;
ALTER TABLE ONLY public.steps_default ALTER COLUMN error SET COMPRESSION lz4;
ALTER TABLE ONLY public.steps_default ALTER COLUMN input SET COMPRESSION lz4;

CREATE TABLE public.storage (
    user_id uuid NOT NULL,
    shard integer NOT NULL,
    bytes bigint NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

CREATE TABLE public.storage_changes (
    user_id uuid NOT NULL,
    bytes bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

CREATE TABLE public.workflows (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    version integer NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    concurrency integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    key text,
    priority smallint DEFAULT 0 NOT NULL,
    max_queued integer,
    end_url text,
    end_statuses text[],
    CONSTRAINT workflows_concurrency_check CHECK ((concurrency > 0)),
    CONSTRAINT workflows_key_check CHECK ((key ~ '^[a-z][a-z0-9-]{0,62}$'::text)),
    CONSTRAINT workflows_max_queued_check CHECK ((max_queued > 0)),
    CONSTRAINT workflows_priority_check CHECK (((priority >= 0) AND (priority <= 9))),
    CONSTRAINT workflows_version_check CHECK ((version > 0))
);

CREATE VIEW public.stored AS
 SELECT d.user_id,
    public.stored_bytes(d.*) AS bytes
   FROM public.documents d
UNION ALL
 SELECT p.user_id,
    public.stored_bytes(p.*) AS bytes
   FROM public.posts p
UNION ALL
 SELECT w.user_id,
    public.stored_bytes(v.*) AS bytes
   FROM (public.workflow_versions v
     JOIN public.workflows w ON ((w.id = v.workflow_id)))
UNION ALL
 SELECT e.user_id,
    public.stored_bytes(e.*) AS bytes
   FROM public.executions e
UNION ALL
 SELECT e.user_id,
    public.stored_bytes(s.*) AS bytes
   FROM (public.steps s
     JOIN public.executions e ON ((e.id = s.execution_id)))
UNION ALL
 SELECT idempotency_keys.user_id,
    idempotency_keys.bytes
   FROM public.idempotency_keys
UNION ALL
 SELECT s.user_id,
    public.stored_bytes(s.*) AS bytes
   FROM public.schedules s;

CREATE TABLE public.token_keys (
    id text NOT NULL,
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    signs_at timestamp with time zone NOT NULL,
    CONSTRAINT token_keys_check CHECK ((signs_at > created_at))
);

CREATE UNLOGGED TABLE public.watchers (
    execution_id uuid NOT NULL,
    watcher uuid NOT NULL
);

ALTER TABLE ONLY public.executions ATTACH PARTITION public.executions_default DEFAULT;

ALTER TABLE ONLY public.steps ATTACH PARTITION public.steps_default DEFAULT;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.approvers
    ADD CONSTRAINT approvers_pkey PRIMARY KEY (execution_id, approver_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_position_key UNIQUE ("position");

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.credits
    ADD CONSTRAINT credits_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.document_counts
    ADD CONSTRAINT document_counts_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (user_id, name);

ALTER TABLE ONLY public.dropped_history
    ADD CONSTRAINT dropped_history_pkey PRIMARY KEY (month);

ALTER TABLE ONLY public.end_notifications
    ADD CONSTRAINT end_notifications_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.end_secrets
    ADD CONSTRAINT end_secrets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event_readers
    ADD CONSTRAINT event_readers_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (xid, id);

ALTER TABLE ONLY public.executions
    ADD CONSTRAINT executions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.executions_default
    ADD CONSTRAINT executions_default_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.guests
    ADD CONSTRAINT guests_pkey PRIMARY KEY (network);

ALTER TABLE ONLY public.guests
    ADD CONSTRAINT guests_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY public.hook_claims
    ADD CONSTRAINT hook_claims_pkey PRIMARY KEY (hook_id, delivery_id);

ALTER TABLE ONLY public.hook_deliveries
    ADD CONSTRAINT hook_deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.hook_secrets
    ADD CONSTRAINT hook_secrets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.hook_tokens
    ADD CONSTRAINT hook_tokens_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, method, path, key);

ALTER TABLE ONLY public.identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (issuer, subject);

ALTER TABLE ONLY public.idle_workers
    ADD CONSTRAINT idle_workers_pkey PRIMARY KEY (worker);

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (user_id, seq);

ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.prices
    ADD CONSTRAINT prices_pkey PRIMARY KEY (task_type);

ALTER TABLE ONLY public.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (execution_id);

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_of_networks UNIQUE (network, name);

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_of_users UNIQUE (user_id, name);

ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, digest);

ALTER TABLE ONLY public.removed_secrets
    ADD CONSTRAINT removed_secrets_pkey PRIMARY KEY (credential_id);

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.steps_default
    ADD CONSTRAINT steps_default_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.storage
    ADD CONSTRAINT storage_pkey PRIMARY KEY (user_id, shard);

ALTER TABLE ONLY public.token_keys
    ADD CONSTRAINT token_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.token_keys
    ADD CONSTRAINT token_keys_signs_at_key UNIQUE (signs_at);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.watchers
    ADD CONSTRAINT watchers_pkey PRIMARY KEY (execution_id, watcher);

ALTER TABLE ONLY public.workflow_versions
    ADD CONSTRAINT workflow_versions_pkey PRIMARY KEY (workflow_id, version);

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_pkey PRIMARY KEY (id);

CREATE INDEX api_keys_owner ON public.api_keys USING btree (user_id);

CREATE INDEX api_keys_user ON public.api_keys USING btree (user_id, created_at, id) WHERE (ended_at IS NULL);

CREATE INDEX approvers_inbox ON public.approvers USING btree (approver_id, created_at, execution_id);

CREATE INDEX approvers_of_owner ON public.approvers USING btree (owner_id, approver_id);

CREATE INDEX audit_log_actor ON public.audit_log USING btree (actor, created_at, id);

CREATE INDEX audit_log_newest ON public.audit_log USING btree (created_at, id);

CREATE UNIQUE INDEX audit_log_once ON public.audit_log USING btree (action, subject, address, period) WHERE (period IS NOT NULL);

CREATE INDEX audit_log_subject ON public.audit_log USING btree (subject, created_at, id);

CREATE INDEX audit_log_unsealed ON public.audit_log USING btree (id) WHERE ("position" IS NULL);

CREATE UNIQUE INDEX credentials_name ON public.credentials USING btree (user_id, public.folded(name));

CREATE INDEX credentials_user ON public.credentials USING btree (user_id, created_at, id);

CREATE INDEX end_notifications_due ON public.end_notifications USING btree (due_at) WHERE (state = 'pending'::text);

CREATE INDEX end_notifications_expiry ON public.end_notifications USING btree (ended_at);

CREATE INDEX end_notifications_leased ON public.end_notifications USING btree (user_id, due_at) WHERE (lease IS NOT NULL);

CREATE INDEX end_notifications_pending ON public.end_notifications USING btree (user_id, due_at) WHERE (state = 'pending'::text);

CREATE INDEX end_notifications_user ON public.end_notifications USING btree (user_id, ended_at);

CREATE INDEX end_notifications_workflow ON public.end_notifications USING btree (workflow_id, created_at, id);

CREATE INDEX end_secrets_expiry ON public.end_secrets USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE UNIQUE INDEX end_secrets_present ON public.end_secrets USING btree (workflow_id) WHERE (expires_at IS NULL);

CREATE INDEX end_secrets_user ON public.end_secrets USING btree (user_id);

CREATE INDEX end_secrets_workflow ON public.end_secrets USING btree (workflow_id);

CREATE INDEX events_created ON public.events USING btree (created_at);

CREATE INDEX events_execution ON public.events USING btree (execution_id, xid, id);

CREATE INDEX events_user ON public.events USING btree (user_id, xid, id);

CREATE INDEX executions_unnamed ON ONLY public.executions USING btree (created_at) WHERE (flow_id IS NULL);

CREATE INDEX executions_default_created_at_idx ON public.executions_default USING btree (created_at) WHERE (flow_id IS NULL);

CREATE INDEX executions_newest ON ONLY public.executions USING btree (((parent_id IS NULL)), status, created_at, id);

CREATE INDEX executions_default_expr_status_created_at_id_idx ON public.executions_default USING btree (((parent_id IS NULL)), status, created_at, id);

CREATE INDEX executions_parent ON ONLY public.executions USING btree (parent_id, parent_step, item) WHERE (parent_id IS NOT NULL);

CREATE INDEX executions_default_parent_id_parent_step_item_idx ON public.executions_default USING btree (parent_id, parent_step, item) WHERE (parent_id IS NOT NULL);

CREATE INDEX executions_of_key ON ONLY public.executions USING btree (started_by_key, ((parent_id IS NULL)), status, created_at, id) WHERE (started_by_key IS NOT NULL);

CREATE INDEX executions_default_started_by_key_expr_status_created_at_id_idx ON public.executions_default USING btree (started_by_key, ((parent_id IS NULL)), status, created_at, id) WHERE (started_by_key IS NOT NULL);

CREATE INDEX executions_of_key_and_workflow ON ONLY public.executions USING btree (started_by_key, workflow_id, ((parent_id IS NULL)), status, created_at, id) WHERE ((started_by_key IS NOT NULL) AND (workflow_id IS NOT NULL));

CREATE INDEX executions_default_started_by_key_workflow_id_expr_status_c_idx ON public.executions_default USING btree (started_by_key, workflow_id, ((parent_id IS NULL)), status, created_at, id) WHERE ((started_by_key IS NOT NULL) AND (workflow_id IS NOT NULL));

CREATE INDEX executions_given_up ON ONLY public.executions USING btree (user_id, created_at, id) WHERE ((error ->> 'code'::text) = 'dead_letter'::text);

CREATE INDEX executions_default_user_id_created_at_id_idx ON public.executions_default USING btree (user_id, created_at, id) WHERE ((error ->> 'code'::text) = 'dead_letter'::text);

CREATE INDEX executions_owner ON ONLY public.executions USING btree (user_id, ((parent_id IS NULL)), status, created_at, id);

CREATE INDEX executions_default_user_id_expr_status_created_at_id_idx ON public.executions_default USING btree (user_id, ((parent_id IS NULL)), status, created_at, id);

CREATE INDEX executions_of_workflow ON ONLY public.executions USING btree (workflow_id, ((parent_id IS NULL)), status, created_at, id) WHERE (workflow_id IS NOT NULL);

CREATE INDEX executions_default_workflow_id_expr_status_created_at_id_idx ON public.executions_default USING btree (workflow_id, ((parent_id IS NULL)), status, created_at, id) WHERE (workflow_id IS NOT NULL);

CREATE INDEX executions_version ON ONLY public.executions USING btree (workflow_id, version) WHERE (workflow_id IS NOT NULL);

CREATE INDEX executions_default_workflow_id_version_idx ON public.executions_default USING btree (workflow_id, version) WHERE (workflow_id IS NOT NULL);

CREATE INDEX hook_claims_created ON public.hook_claims USING btree (created_at);

CREATE INDEX hook_claims_user ON public.hook_claims USING btree (user_id);

CREATE INDEX hook_deliveries_hook ON public.hook_deliveries USING btree (hook_id, created_at, id);

CREATE INDEX hook_deliveries_user ON public.hook_deliveries USING btree (user_id);

CREATE INDEX hook_secrets_expiry ON public.hook_secrets USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX hook_secrets_hook ON public.hook_secrets USING btree (hook_id);

CREATE UNIQUE INDEX hook_secrets_present ON public.hook_secrets USING btree (hook_id) WHERE (expires_at IS NULL);

CREATE INDEX hook_secrets_user ON public.hook_secrets USING btree (user_id);

CREATE INDEX hook_tokens_expiry ON public.hook_tokens USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX hook_tokens_hook ON public.hook_tokens USING btree (hook_id);

CREATE UNIQUE INDEX hook_tokens_present ON public.hook_tokens USING btree (hook_id) WHERE (expires_at IS NULL);

CREATE INDEX hook_tokens_user ON public.hook_tokens USING btree (user_id);

CREATE INDEX hooks_created ON public.hooks USING btree (created_at, id);

CREATE INDEX hooks_user ON public.hooks USING btree (user_id, created_at, id);

CREATE INDEX hooks_workflow ON public.hooks USING btree (workflow_id, created_at, id);

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

CREATE INDEX identities_blocked ON public.identities USING btree (blocked_at, user_id) WHERE (blocked_at IS NOT NULL);

CREATE INDEX identities_user ON public.identities USING btree (user_id);

CREATE INDEX ledger_user ON public.ledger USING btree (user_id, created_at, id);

CREATE INDEX posts_newest ON public.posts USING btree (created_at, id);

CREATE INDEX posts_user ON public.posts USING btree (user_id);

CREATE INDEX queue_children ON public.queue USING btree (parent_id, parent_step) WHERE (parent_id IS NOT NULL);

CREATE INDEX queue_leases ON public.queue USING btree (user_id, execution_id) WHERE (lease IS NOT NULL);

CREATE INDEX queue_places ON public.queue USING btree (workflow_id) WHERE (is_limited AND is_admitted);

CREATE INDEX queue_ready ON public.queue USING btree (user_id, priority DESC, execution_id) WHERE ((lease IS NULL) AND is_admitted AND (state = 'queued'::public.run_status));

CREATE INDEX queue_unadmitted ON public.queue USING btree (workflow_id, execution_id) WHERE (is_limited AND (NOT is_admitted) AND (state = 'queued'::public.run_status));

CREATE INDEX queue_user ON public.queue USING btree (user_id, workflow_id);

CREATE INDEX queue_waiting ON public.queue USING btree (available_at) WHERE ((lease IS NULL) AND (state = 'waiting'::public.run_status));

CREATE INDEX records_deleted ON public.records USING btree (user_id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX records_newest ON public.records USING btree (created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX records_user ON public.records USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX removed_secrets_due ON public.removed_secrets USING btree (due_at);

CREATE INDEX schedules_created ON public.schedules USING btree (created_at, id);

CREATE INDEX schedules_due ON public.schedules USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX schedules_user ON public.schedules USING btree (user_id, created_at, id);

CREATE UNIQUE INDEX schedules_workflow ON public.schedules USING btree (workflow_id);

CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);

CREATE INDEX sessions_open ON public.sessions USING btree (user_id, created_at, id) WHERE (ended_at IS NULL);

CREATE INDEX sessions_user ON public.sessions USING btree (user_id);

CREATE INDEX users_deleted_email ON public.users USING btree (public.folded(email)) WHERE (deleted_at IS NOT NULL);

CREATE UNIQUE INDEX users_email ON public.users USING btree (public.folded(email)) WHERE (deleted_at IS NULL);

CREATE INDEX users_email_digest ON public.users USING btree (email_digest) WHERE (email_digest IS NOT NULL);

CREATE INDEX users_full ON public.users USING btree (id) WHERE is_full;

CREATE INDEX users_newest ON public.users USING btree (created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX users_removal ON public.users USING btree (removal_due) WHERE (removal_due IS NOT NULL);

CREATE INDEX users_removed_before ON public.users USING btree (deleted_at) WHERE ((deleted_at IS NOT NULL) AND (removal_due IS NULL));

CREATE UNIQUE INDEX users_username ON public.users USING btree (public.folded(username)) WHERE (deleted_at IS NULL);

CREATE INDEX users_with_runs_to_end ON public.users USING btree (disabled_at) WHERE ((disabled_at IS NOT NULL) AND ((runs_ended_at IS NULL) OR (runs_ended_at < disabled_at)));

CREATE INDEX workflow_versions_newest ON public.workflow_versions USING btree (workflow_id, created_at);

CREATE UNIQUE INDEX workflows_key ON public.workflows USING btree (user_id, key) WHERE ((deleted_at IS NULL) AND (key IS NOT NULL));

CREATE INDEX workflows_newest ON public.workflows USING btree (created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX workflows_owner ON public.workflows USING btree (user_id);

CREATE INDEX workflows_user ON public.workflows USING btree (user_id, created_at, id) WHERE (deleted_at IS NULL);

ALTER INDEX public.executions_unnamed ATTACH PARTITION public.executions_default_created_at_idx;

ALTER INDEX public.executions_newest ATTACH PARTITION public.executions_default_expr_status_created_at_id_idx;

ALTER INDEX public.executions_parent ATTACH PARTITION public.executions_default_parent_id_parent_step_item_idx;

ALTER INDEX public.executions_pkey ATTACH PARTITION public.executions_default_pkey;

ALTER INDEX public.executions_of_key ATTACH PARTITION public.executions_default_started_by_key_expr_status_created_at_id_idx;

ALTER INDEX public.executions_of_key_and_workflow ATTACH PARTITION public.executions_default_started_by_key_workflow_id_expr_status_c_idx;

ALTER INDEX public.executions_given_up ATTACH PARTITION public.executions_default_user_id_created_at_id_idx;

ALTER INDEX public.executions_owner ATTACH PARTITION public.executions_default_user_id_expr_status_created_at_id_idx;

ALTER INDEX public.executions_of_workflow ATTACH PARTITION public.executions_default_workflow_id_expr_status_created_at_id_idx;

ALTER INDEX public.executions_version ATTACH PARTITION public.executions_default_workflow_id_version_idx;

ALTER INDEX public.steps_pkey ATTACH PARTITION public.steps_default_pkey;

CREATE TRIGGER audit_log_grows BEFORE INSERT OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.guard_audit_log();

CREATE TRIGGER audit_log_stays BEFORE DELETE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.guard_audit_log();

CREATE TRIGGER credentials_deleted AFTER DELETE ON public.credentials FOR EACH ROW WHEN ((old.sealed IS NULL)) EXECUTE FUNCTION public.note_removed_secret();

CREATE TRIGGER credentials_moved AFTER UPDATE OF sealed ON public.credentials FOR EACH ROW WHEN (((old.sealed IS NULL) AND (new.sealed IS NOT NULL))) EXECUTE FUNCTION public.note_removed_secret();

CREATE TRIGGER documents_counted AFTER INSERT OR DELETE ON public.documents FOR EACH ROW EXECUTE FUNCTION public.count_documents();

CREATE TRIGGER ledger_stays BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger FOR EACH STATEMENT EXECUTE FUNCTION public.guard_ledger();

CREATE TRIGGER users_doubt_changed_email BEFORE UPDATE OF email ON public.users FOR EACH ROW WHEN (((old.email IS NOT NULL) AND (new.email IS DISTINCT FROM old.email))) EXECUTE FUNCTION public.doubt_changed_email();

CREATE TRIGGER users_pass_approvals AFTER UPDATE OF disabled_at ON public.users FOR EACH ROW WHEN (((old.disabled_at IS NULL) AND (new.disabled_at IS NOT NULL))) EXECUTE FUNCTION public.pass_approvals_to_admins();

CREATE TRIGGER workflow_versions_removed BEFORE DELETE ON public.workflow_versions FOR EACH ROW EXECUTE FUNCTION public.guard_removed_version();

CREATE TRIGGER workflow_versions_stay BEFORE UPDATE OR TRUNCATE ON public.workflow_versions FOR EACH STATEMENT EXECUTE FUNCTION public.guard_workflow_versions();

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.approvers
    ADD CONSTRAINT approvers_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.queue(execution_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.credits
    ADD CONSTRAINT credits_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.end_secrets
    ADD CONSTRAINT end_secrets_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.guests
    ADD CONSTRAINT guests_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.hook_deliveries
    ADD CONSTRAINT hook_deliveries_hook_id_fkey FOREIGN KEY (hook_id) REFERENCES public.hooks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.hook_secrets
    ADD CONSTRAINT hook_secrets_hook_id_fkey FOREIGN KEY (hook_id) REFERENCES public.hooks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.hook_tokens
    ADD CONSTRAINT hook_tokens_hook_id_fkey FOREIGN KEY (hook_id) REFERENCES public.hooks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.identities
    ADD CONSTRAINT identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id);

ALTER TABLE ONLY public.second_factors
    ADD CONSTRAINT second_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.workflow_versions
    ADD CONSTRAINT workflow_versions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id);

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

