-- One row a run of a flow. Ids are UUIDv7, so a range of ids is a range of time: old months can be detached whole.
-- No foreign key: users are never deleted, and each key would cost every run a look-up and a row lock.
CREATE TABLE executions (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    flow        json NOT NULL,
    input       json NOT NULL,
    status      text NOT NULL CHECK (status IN ('running', 'completed', 'ended_early', 'failed')),
    stopped_at  text,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz
) PARTITION BY RANGE (id);
CREATE TABLE executions_default PARTITION OF executions DEFAULT;
CREATE INDEX executions_user ON executions (user_id, created_at, id);

-- What each step of a run gave. Its input is the flow's own text or the step before, so it is not kept twice.
-- Times are microseconds since the run began, by a clock that never jumps.
CREATE TABLE steps (
    execution_id uuid NOT NULL,
    seq          integer NOT NULL,
    task         text NOT NULL,
    type         text NOT NULL,
    status       text NOT NULL CHECK (status IN ('success', 'failure')),
    attempt      integer NOT NULL,
    output       json,
    error        json,
    condition    text,
    next         text,
    started_us   bigint NOT NULL,
    duration_us  bigint NOT NULL,
    PRIMARY KEY (execution_id, seq)
) PARTITION BY RANGE (execution_id);
CREATE TABLE steps_default PARTITION OF steps DEFAULT;
