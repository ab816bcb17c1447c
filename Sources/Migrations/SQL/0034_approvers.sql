-- Who may decide the approvals that runs wait for. The nil UUID as approver_id stands for every admin. The rows of a run
-- go with its place in the queue, and are replaced when it waits for its next approval: those of a step that no longer
-- waits mean nothing.
CREATE TABLE approvers (
    execution_id uuid NOT NULL REFERENCES queue ON DELETE CASCADE,
    approver_id  uuid NOT NULL,
    step         integer NOT NULL,
    owner_id     uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution_id, approver_id)
);
CREATE INDEX approvers_inbox ON approvers (approver_id, created_at, execution_id);
CREATE INDEX approvers_of_owner ON approvers (owner_id, approver_id);

-- So far every approval was the owner's.
INSERT INTO approvers (execution_id, approver_id, step, owner_id)
SELECT q.execution_id, q.user_id, s.seq, q.user_id
FROM queue q CROSS JOIN LATERAL (
    SELECT seq, status, type FROM steps WHERE execution_id = q.execution_id ORDER BY seq DESC LIMIT 1) s
WHERE q.state = 'waiting' AND s.status = 'waiting' AND s.type = 'approval';

-- When an account ends, its approvals that have no other active approver pass to the admins.
CREATE FUNCTION pass_approvals_to_admins() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
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
CREATE TRIGGER users_pass_approvals AFTER UPDATE OF disabled_at ON users
    FOR EACH ROW WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL)
    EXECUTE FUNCTION pass_approvals_to_admins();

-- Whether the e-mail is known to be the user's: an admin has entered or confirmed it, or its issuer has verified it.
ALTER TABLE users ADD COLUMN email_confirmed boolean NOT NULL DEFAULT false;
UPDATE users u SET email_confirmed = true
WHERE u.email IS NOT NULL AND u.password_hash IS NULL AND EXISTS (SELECT FROM identities i WHERE i.user_id = u.id);

-- Also where the earlier release, whose processes may still run, changes the e-mail.
CREATE FUNCTION doubt_changed_email() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.email_confirmed := false;
    RETURN NEW;
END
$$;
CREATE TRIGGER users_doubt_changed_email BEFORE UPDATE OF email ON users
    FOR EACH ROW WHEN (OLD.email IS NOT NULL AND NEW.email IS DISTINCT FROM OLD.email)
    EXECUTE FUNCTION doubt_changed_email();
