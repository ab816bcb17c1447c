-- Every list of runs is read from one of these indexes, for each status and for runs with and without a parent: a page
-- costs the same however many runs the conditions leave out.
CREATE INDEX executions_owner ON executions (user_id, (parent_id IS NULL), status, created_at, id);
CREATE INDEX executions_newest ON executions ((parent_id IS NULL), status, created_at, id);
CREATE INDEX executions_of_workflow ON executions (workflow_id, (parent_id IS NULL), status, created_at, id)
    WHERE workflow_id IS NOT NULL;
CREATE INDEX executions_of_key ON executions (started_by_key, (parent_id IS NULL), status, created_at, id)
    WHERE started_by_key IS NOT NULL;
CREATE INDEX executions_of_key_and_workflow
    ON executions (started_by_key, workflow_id, (parent_id IS NULL), status, created_at, id)
    WHERE started_by_key IS NOT NULL AND workflow_id IS NOT NULL;
-- Runs that were given up are few.
CREATE INDEX executions_given_up ON executions (user_id, created_at, id) WHERE error->>'code' = 'dead_letter';
DROP INDEX executions_user;
DROP INDEX executions_workflow;
