-- What earlier releases have left undone, also while this one is deployed. Workers find it by these indexes, which are
-- empty otherwise; in the order of no other index, because the planner could choose that one.

-- Deleted accounts. removal_due is 'infinity' when nothing of the account is left. Earlier releases set it to NULL, and
-- left the records.
CREATE INDEX users_removed_before ON users (deleted_at) WHERE deleted_at IS NOT NULL AND removal_due IS NULL;

-- Runs without the id and the name of their flow.
CREATE INDEX executions_unnamed ON executions (created_at) WHERE flow_id IS NULL;
