-- Who did what, by ids alone. period is the day or hour of which only the first of like events is kept; it is NULL for
-- events that are all kept. actor is NULL where nobody is known, or where origin is not a request.
--
-- Rows are plain inserts of the transaction that they tell of. Afterwards a sealer gives each its position and chains
-- it to the one before. The chain cannot follow the ids: a row with a smaller id may commit after one with a greater id
-- was sealed. Positions are given in the order in which rows come to be seen, so the chain only ever grows at its end,
-- also after a restore to another server.
CREATE TABLE audit_log (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action     text NOT NULL,
    origin     text NOT NULL,
    actor      uuid,
    subject    uuid,
    address    text,
    detail     json NOT NULL,
    period     timestamptz,
    position   bigint UNIQUE CHECK (position > 0),
    seal       bytea,
    CONSTRAINT audit_log_is_sealed_whole CHECK ((position IS NULL) = (seal IS NULL))
);
CREATE UNIQUE INDEX audit_log_once ON audit_log (action, subject, address, period) WHERE period IS NOT NULL;
CREATE INDEX audit_log_unsealed ON audit_log (id) WHERE position IS NULL;
CREATE INDEX audit_log_newest ON audit_log (created_at, id);
CREATE INDEX audit_log_actor ON audit_log (actor, created_at, id);
CREATE INDEX audit_log_subject ON audit_log (subject, created_at, id);

-- The seal of a row at that position after a row with that seal; before the first there is the empty one.
CREATE FUNCTION audit_seal(entry audit_log, place bigint, before bytea) RETURNS bytea
    LANGUAGE sql STABLE
    RETURN sha256(before || convert_to(json_build_array(
        place, entry.id, (extract(epoch FROM entry.created_at) * 1000000)::bigint, entry.action, entry.origin,
        entry.actor, entry.subject, entry.address, entry.detail,
        (extract(epoch FROM entry.period) * 1000000)::bigint)::text, 'UTF8'));

-- Seals what has been committed, at most 100 rows, and says how many; none while another does it.
CREATE FUNCTION seal_audit_log() RETURNS integer
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

-- The log is only ever added to: a row comes without a seal and gets the right one, and nothing else happens to it.
CREATE FUNCTION guard_audit_log() RETURNS trigger
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
CREATE TRIGGER audit_log_grows BEFORE INSERT OR UPDATE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION guard_audit_log();
CREATE TRIGGER audit_log_stays BEFORE DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION guard_audit_log();
