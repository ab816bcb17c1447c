-- Where the ends of a workflow's runs are notified, and of which ends; NULL: nowhere, and of all.
ALTER TABLE workflows ADD COLUMN end_url text;
ALTER TABLE workflows ADD COLUMN end_statuses text[];

-- The secrets that sign these notifications, sealed by a key that is not in the database. expires_at: when one that was
-- replaced ends; NULL: the present one.
CREATE TABLE end_secrets (
    id          uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    user_id     uuid NOT NULL,
    sealed      bytea NOT NULL,
    expires_at  timestamptz
);
CREATE UNIQUE INDEX end_secrets_present ON end_secrets (workflow_id) WHERE expires_at IS NULL;
CREATE INDEX end_secrets_workflow ON end_secrets (workflow_id);
CREATE INDEX end_secrets_user ON end_secrets (user_id);
CREATE INDEX end_secrets_expiry ON end_secrets (expires_at) WHERE expires_at IS NOT NULL;

-- The notification of the end of a run, written by the commit that ends the run. It refers to nothing, so that this
-- commit locks no other row. due_at, of a pending one: when the next attempt is due; while one is made (lease IS NOT
-- NULL), until when its worker has the lease. A pending one is given up at give_up_at. last_status, last_error and
-- last_answer: of the last attempt.
CREATE TABLE end_notifications (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL,
    workflow_id     uuid NOT NULL,
    execution_id    uuid NOT NULL,
    status          text NOT NULL,
    run_created_at  timestamptz NOT NULL,
    run_finished_at timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'dropped')),
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz,
    lease           uuid,
    give_up_at      timestamptz NOT NULL,
    last_status     integer,
    last_error      text,
    last_answer     text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at        timestamptz,
    CONSTRAINT end_notifications_are_due CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT end_notifications_have_ended CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX end_notifications_workflow ON end_notifications (workflow_id, created_at, id);
CREATE INDEX end_notifications_pending ON end_notifications (user_id, due_at) WHERE state = 'pending';
CREATE INDEX end_notifications_due ON end_notifications (due_at) WHERE state = 'pending';
CREATE INDEX end_notifications_leased ON end_notifications (user_id, due_at) WHERE lease IS NOT NULL;
CREATE INDEX end_notifications_user ON end_notifications (user_id, ended_at);
CREATE INDEX end_notifications_expiry ON end_notifications (ended_at);
