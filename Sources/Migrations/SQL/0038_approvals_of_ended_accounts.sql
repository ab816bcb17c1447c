-- Accounts that ended at the same time did not see each other's end, so that neither passed the approvals that both
-- could decide to the admins. Now one waits for the other.
CREATE OR REPLACE FUNCTION pass_approvals_to_admins() RETURNS trigger
    LANGUAGE plpgsql AS $$
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

-- What has been missed so far.
INSERT INTO approvers (execution_id, approver_id, step, owner_id, created_at)
SELECT a.execution_id, '00000000-0000-0000-0000-000000000000', min(a.step), a.owner_id, min(a.created_at)
FROM approvers a
WHERE NOT EXISTS (
    SELECT FROM approvers o LEFT JOIN users u ON u.id = o.approver_id
    WHERE o.execution_id = a.execution_id AND (
        u.id IS NOT NULL AND u.disabled_at IS NULL OR o.approver_id = '00000000-0000-0000-0000-000000000000'))
GROUP BY a.execution_id, a.owner_id;
