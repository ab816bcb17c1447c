-- The step that started a run, so that the active runs of a step are found without reading those that have ended.
ALTER TABLE queue
    ADD COLUMN parent_id   uuid,
    ADD COLUMN parent_step integer,
    -- How far the run has come, so that a worker continues it without reading its whole record; NULL: it is read.
    ADD COLUMN progress    json,
    -- The process that executed it has died: it is executed alone in a process, to find out whether it is the cause.
    ADD COLUMN is_suspect  boolean NOT NULL DEFAULT false,
    ADD COLUMN is_alone    boolean NOT NULL DEFAULT false;
UPDATE queue q SET parent_id = e.parent_id, parent_step = e.parent_step
FROM executions e WHERE e.id = q.execution_id AND e.parent_id IS NOT NULL;
-- A step that starts a run for each item keeps how many it has started, instead of their ids.
UPDATE steps s SET output = json_build_object('started', json_array_length(s.output->'executions'))
FROM queue q WHERE s.execution_id = q.execution_id AND s.type = 'map' AND s.status = 'waiting'
    AND json_typeof(s.output->'executions') = 'array';
CREATE INDEX queue_children ON queue (parent_id, parent_step) WHERE parent_id IS NOT NULL;

ALTER TABLE executions
    -- How many runs a run that no other run has started has led to, directly and indirectly.
    ADD COLUMN descendants    integer NOT NULL DEFAULT 0,
    -- The attempt of the step that started the run; NULL: the first one.
    ADD COLUMN parent_attempt integer;

-- A run is limited if its workflow has a limit of concurrent runs. It holds a place of the workflow (is_admitted) from
-- its first step to its end, except while it waits for runs that it has started. How many runs of a user are executed
-- at once is decided by the claim.
UPDATE queue q SET is_limited = w.concurrency IS NOT NULL, is_admitted = is_admitted OR w.concurrency IS NULL
FROM workflows w WHERE w.id = q.workflow_id;
UPDATE queue SET is_limited = false, is_admitted = true WHERE workflow_id IS NULL;
UPDATE queue q SET is_admitted = false
WHERE q.is_limited AND q.state = 'waiting' AND EXISTS (SELECT FROM queue c WHERE c.parent_id = q.execution_id);
DROP INDEX queue_limited;
CREATE INDEX queue_places ON queue (workflow_id) WHERE is_limited AND is_admitted;
CREATE INDEX queue_unadmitted ON queue (workflow_id, execution_id)
    WHERE is_limited AND NOT is_admitted AND state = 'queued';

-- A run that waits for a time and holds no place needs one when the time has come.
DROP INDEX queue_waiting;
CREATE INDEX queue_waiting ON queue (available_at) WHERE lease IS NULL AND state = 'waiting';

-- The claim counts each user's runs that are being executed.
DROP INDEX queue_leases;
CREATE INDEX queue_leases ON queue (user_id, execution_id) WHERE lease IS NOT NULL;

DROP FUNCTION admit_runs(uuid, bigint);
-- Gives the free places of a workflow to its runs that are due, in the order in which they were created: a run that
-- has waited for runs comes before those that have not begun. The caller has called lock_places.
CREATE FUNCTION admit_runs(workflow uuid) RETURNS void LANGUAGE sql AS $$
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
