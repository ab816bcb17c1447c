-- The end of an account ends its runs. Workers do that: a user is in the index until it has been done.
ALTER TABLE users ADD COLUMN runs_ended_at timestamptz;
CREATE INDEX users_with_runs_to_end ON users (disabled_at)
    WHERE disabled_at IS NOT NULL AND (runs_ended_at IS NULL OR runs_ended_at < disabled_at);

ALTER TABLE executions
    -- The admin who started a run that belongs to another user; NULL: its owner.
    ADD COLUMN started_by     uuid,
    -- The API key that started the run; NULL: none.
    ADD COLUMN started_by_key uuid,
    -- What differs between a fork and the run that it repeats.
    ADD COLUMN differs        json,
    -- The inputs that earlier forks gave to steps that a fork has copied: [[step, input], …], by step. The earlier runs
    -- may be deleted.
    ADD COLUMN copied_inputs  json;
UPDATE executions e SET copied_inputs = (
    WITH RECURSIVE forks (id, first, is_copied, step, input) AS (
        SELECT e.forked_from, e.fork_step, false, e.fork_step, e.fork_input
        UNION ALL
        SELECT f.forked_from, least(f.fork_step, forks.first), f.fork_step < forks.first, f.fork_step, f.fork_input
        FROM forks JOIN executions f ON f.id = forks.id WHERE f.forked_from IS NOT NULL)
    SELECT json_agg(json_build_array(step, input) ORDER BY step) FROM forks WHERE is_copied AND input IS NOT NULL)
WHERE e.forked_from IS NOT NULL;
