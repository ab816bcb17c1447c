-- The records of a deleted account are removed with the rest of it. The role of the program may not delete records;
-- this function may, and only those of deleted accounts. Returns how many it has removed: at most that many.
CREATE FUNCTION remove_records(account uuid, maximum integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM records r WHERE r.id IN (
            SELECT id FROM (
                SELECT id FROM records WHERE user_id = account AND deleted_at IS NULL
                UNION ALL SELECT id FROM records WHERE user_id = account AND deleted_at IS NOT NULL) AS own
            LIMIT maximum)
            AND EXISTS (SELECT FROM users u WHERE u.id = account AND u.deleted_at IS NOT NULL)
        RETURNING r.id)
    SELECT count(*) FROM gone;
END;

-- Those that are not shown any more; records_user has the others.
CREATE INDEX records_deleted ON records (user_id) WHERE deleted_at IS NOT NULL;

-- Earlier releases have only hidden them. Workers of such a release, which may still run, would consume the mark at once.
UPDATE users u SET removal_due = now() + interval '1 day'
WHERE u.deleted_at IS NOT NULL AND u.removal_due IS NULL AND EXISTS (SELECT FROM records r WHERE r.user_id = u.id);

-- Last, because it locks the table until the end of the transaction.
-- How many bytes the stored answer counts for its user; 0 in rows that an earlier release has written.
ALTER TABLE idempotency_keys ADD COLUMN bytes bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW stored AS
    SELECT user_id, stored_bytes(d) AS bytes FROM documents d
    UNION ALL SELECT user_id, stored_bytes(p) FROM posts p
    UNION ALL SELECT w.user_id, stored_bytes(v) FROM workflow_versions v JOIN workflows w ON w.id = v.workflow_id
    UNION ALL SELECT user_id, stored_bytes(e) FROM executions e
    UNION ALL SELECT e.user_id, stored_bytes(s) FROM steps s JOIN executions e ON e.id = s.execution_id
    UNION ALL SELECT user_id, bytes FROM idempotency_keys;
