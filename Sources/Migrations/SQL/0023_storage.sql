-- How many bytes each user keeps: texts, JSON, and an amount for each row. A user has several rows, which add up to it:
-- a transaction adds to one that no other has locked, or makes another, so that no commit waits for one here. Shard -1
-- is that of fold_storage.
CREATE TABLE storage (
    user_id uuid NOT NULL,
    shard   integer NOT NULL,
    bytes   bigint NOT NULL,
    PRIMARY KEY (user_id, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Small changes, which are only added here and folded into storage each second: that costs a commit next to nothing.
CREATE TABLE storage_changes (
    user_id uuid NOT NULL,
    bytes   bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Whether the user has the quota or more, as of the last fold: what a call that changes little asks. It stands here,
-- because each call reads its user.
ALTER TABLE users ADD COLUMN is_full boolean NOT NULL DEFAULT false;

-- Folds at most 5,000 changes, and says how many; none while another does it.
CREATE FUNCTION fold_storage(quota bigint, guest_quota bigint) RETURNS integer
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
CREATE INDEX users_full ON users (id) WHERE is_full;

-- Called instead of a sum by a statement that would exceed the quota of the user.
CREATE FUNCTION refuse_bytes() RETURNS bigint
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the quota of the user is exceeded'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'storage_quota';
END
$$;

-- The bytes that a stored document replaced, for the statement that counts what it adds.
ALTER TABLE documents ADD COLUMN replaced bigint NOT NULL DEFAULT 0;

-- What each row counts. The program counts runs and steps by the same rules. A step counts when it has ended.
CREATE FUNCTION stored_bytes(d documents) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 128 + octet_length(d.name) + octet_length(d.value::text);

CREATE FUNCTION stored_bytes(p posts) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 128 + octet_length(p.title) + octet_length(p.content);

CREATE FUNCTION stored_bytes(v workflow_versions) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 128 + octet_length(v.name) + coalesce(octet_length(v.description), 0) + octet_length(v.flow::text);

CREATE FUNCTION stored_bytes(e executions) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 512 + coalesce(octet_length(e.flow::text), 0) + octet_length(e.input::text)
        + coalesce(octet_length(e.fork_input::text), 0) + coalesce(octet_length(e.copied_inputs::text), 0);

CREATE FUNCTION stored_bytes(s steps) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN CASE WHEN s.status IN ('success', 'failure')
        THEN 128 + coalesce(octet_length(s.output::text), 0) + coalesce(octet_length(s.error::text), 0)
        ELSE 0 END;

-- What each user keeps now.
CREATE VIEW stored AS
    SELECT user_id, stored_bytes(d) AS bytes FROM documents d
    UNION ALL SELECT user_id, stored_bytes(p) FROM posts p
    UNION ALL SELECT w.user_id, stored_bytes(v) FROM workflow_versions v JOIN workflows w ON w.id = v.workflow_id
    UNION ALL SELECT user_id, stored_bytes(e) FROM executions e
    UNION ALL SELECT e.user_id, stored_bytes(s) FROM steps s JOIN executions e ON e.id = s.execution_id;

INSERT INTO storage (user_id, shard, bytes) SELECT user_id, 0, sum(bytes) FROM stored GROUP BY user_id;

-- A deleted account keeps its row, without its names, for the ledger. removal_due: when the next part of what it had is
-- to be removed; NULL when nothing is left. Of an admin's account the digest of its e-mail stays, so that it is not
-- made again by the setting that made it.
ALTER TABLE users
    ADD COLUMN removal_due  timestamptz,
    ADD COLUMN email_digest bytea;
CREATE INDEX users_removal ON users (removal_due) WHERE removal_due IS NOT NULL;
CREATE INDEX users_email_digest ON users (email_digest) WHERE email_digest IS NOT NULL;
UPDATE users SET removal_due = now() WHERE role = 'guest' AND deleted_at IS NOT NULL;

-- An identity of a deleted account is blocked: it makes no new account until an admin lifts that.
ALTER TABLE identities ADD COLUMN blocked_at timestamptz;
UPDATE identities i SET blocked_at = u.deleted_at
FROM users u WHERE u.id = i.user_id AND u.deleted_at IS NOT NULL;
CREATE INDEX identities_blocked ON identities (blocked_at, user_id) WHERE blocked_at IS NOT NULL;

-- What belongs to an account is found by its user, ended or not.
CREATE INDEX posts_user ON posts (user_id);
CREATE INDEX api_keys_owner ON api_keys (user_id);
CREATE INDEX workflows_owner ON workflows (user_id);
