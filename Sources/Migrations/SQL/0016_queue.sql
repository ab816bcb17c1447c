-- A run is open as long as its status says 'running'. Who works on it, or what it waits for, is its row in queue; a run
-- that is over has none. An execution of a stored workflow names its version instead of holding its flow.
-- Types and not constraints: those are read anew by each statement that writes, which costs more than the writing.
CREATE TYPE run_status AS ENUM ('queued', 'running', 'waiting', 'completed', 'ended_early', 'failed', 'canceled');
ALTER TABLE executions
    DROP CONSTRAINT executions_status_check,
    ALTER COLUMN status TYPE run_status USING status::run_status,
    ALTER COLUMN flow DROP NOT NULL,
    ADD COLUMN workflow_id uuid,
    ADD COLUMN version     integer,
    -- Why the run ended, where no step of it says so.
    ADD COLUMN error       json,
    -- What its steps cost together.
    ADD COLUMN cost        bigint NOT NULL DEFAULT 0,
    -- The step that started it, and of a step that starts several, which one this is.
    ADD COLUMN parent_id   uuid,
    ADD COLUMN parent_step integer,
    ADD COLUMN item        integer,
    -- The run that it repeats from a step on, and what that step is given instead.
    ADD COLUMN forked_from uuid,
    ADD COLUMN fork_step   integer,
    ADD COLUMN fork_input  json,
    ADD CONSTRAINT executions_have_a_flow CHECK (flow IS NOT NULL OR workflow_id IS NOT NULL AND version IS NOT NULL);
-- Without a place in the queue nobody would go on with these: their processes died between two commits.
UPDATE executions
SET status = 'failed', finished_at = now(), error = '{"code":"abandoned","message":"The run was broken off"}'
WHERE status = 'running';
CREATE INDEX executions_workflow ON executions (workflow_id, created_at, id) WHERE workflow_id IS NOT NULL;
CREATE INDEX executions_parent ON executions (parent_id, parent_step, item) WHERE parent_id IS NOT NULL;

-- 'running': begun by a task with an effect elsewhere, which may have happened. 'waiting': for a time, a signal, another
-- run or its next attempt; output holds what the task keeps meanwhile. A superseded step was repeated by a later one.
CREATE TYPE step_status AS ENUM ('success', 'failure', 'running', 'waiting', 'canceled');
ALTER TABLE steps
    DROP CONSTRAINT steps_status_check,
    ALTER COLUMN status TYPE step_status USING status::step_status,
    ADD COLUMN cost       bigint NOT NULL DEFAULT 0,
    ADD COLUMN superseded boolean NOT NULL DEFAULT false;

-- Runs that are under way, one row each.
--
-- A lease is a random number: whoever took the run has it, and every write of the run asks for it. It lasts until
-- lease_until unless prolonged; afterwards another may take the run, and the first one's writes find no row.
CREATE TABLE queue (
    execution_id uuid PRIMARY KEY,
    user_id      uuid NOT NULL,
    workflow_id  uuid,
    state        run_status NOT NULL,
    -- When it may be taken; 'infinity' until somebody wakes it.
    available_at timestamptz NOT NULL,
    lease        uuid,
    lease_until  timestamptz,
    -- How often it was taken since it last got on: a run that ends its workers is given up.
    claims       integer NOT NULL DEFAULT 0,
    -- Woken while it was leased, so that it must not wait.
    is_woken     boolean NOT NULL DEFAULT false,
    -- What an approval was given.
    signal       json,
    -- Credits held for the rest of the run, and the prices it was accepted at; NULL where it costs nothing.
    held         bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    prices       json,
    -- Counts for the limits of its workflow and its user, and whether it has its place among so many.
    is_limited   boolean NOT NULL DEFAULT false,
    is_admitted  boolean NOT NULL DEFAULT true,
    CONSTRAINT queue_leases_end CHECK ((lease IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_due ON queue (available_at, execution_id) WHERE lease IS NULL AND is_admitted;
-- Not by lease_until: each commit of a run prolongs its lease, which writes no index as long as none has it.
CREATE INDEX queue_leases ON queue (execution_id) WHERE lease IS NOT NULL;
CREATE INDEX queue_user ON queue (user_id, workflow_id);
-- Those that have their places, and those that wait for one.
CREATE INDEX queue_limited ON queue (user_id, is_admitted, workflow_id) WHERE is_limited;

-- Whom to notify, and only as long as somebody waits: notifying makes commits wait for each other. Both may be lost in a
-- crash, as those who waited then look for themselves each second.
CREATE UNLOGGED TABLE idle_workers (worker uuid PRIMARY KEY);
CREATE UNLOGGED TABLE watchers (
    execution_id uuid NOT NULL,
    watcher      uuid NOT NULL,
    PRIMARY KEY (execution_id, watcher)
);

-- Gives places to runs of the user that wait for one: as many of each workflow as its concurrency says, and of all
-- together as `most` says; NULL is no limit. Whoever queues or ends a limited run calls it in the same transaction, first
-- having locked the user's places.
CREATE FUNCTION admit_runs(owner uuid, most bigint) RETURNS void
    LANGUAGE sql
AS $$
    UPDATE queue q SET is_admitted = true
    FROM (
        SELECT next.execution_id
        FROM (
            SELECT waiting.id, w.concurrency - (
                SELECT count(*) FROM queue r
                WHERE r.user_id = owner AND r.workflow_id = w.id AND r.is_limited AND r.is_admitted) AS room
            FROM (
                SELECT DISTINCT r.workflow_id AS id FROM queue r
                WHERE r.user_id = owner AND r.is_limited AND NOT r.is_admitted) waiting
            LEFT JOIN workflows w ON w.id = waiting.id
        ) workflow
        CROSS JOIN LATERAL (
            SELECT r.execution_id FROM queue r
            WHERE r.user_id = owner AND r.workflow_id IS NOT DISTINCT FROM workflow.id
                AND r.is_limited AND NOT r.is_admitted
            ORDER BY r.execution_id
            LIMIT CASE WHEN workflow.room < 0 THEN 0 ELSE workflow.room END
        ) next
        ORDER BY next.execution_id
        LIMIT CASE WHEN most IS NOT NULL THEN greatest(0, most - (
            SELECT count(*) FROM queue r WHERE r.user_id = owner AND r.is_limited AND r.is_admitted)) END
    ) place
    WHERE q.execution_id = place.execution_id
$$;

-- Serialises whoever counts the user's limited runs, until the end of the transaction.
CREATE FUNCTION lock_places(owner uuid) RETURNS void
    LANGUAGE sql
AS $$ SELECT pg_advisory_xact_lock(hashtextextended(owner::text, x'666C6F7700000003'::bigint)) $$;
