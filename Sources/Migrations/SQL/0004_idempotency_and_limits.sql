-- A call made with an Idempotency-Key, and its answer once there is one. The row commits with the call's effect.
CREATE TABLE idempotency_keys (
    user_id      uuid NOT NULL REFERENCES users (id),
    method       text NOT NULL,
    path         text NOT NULL,
    key          text NOT NULL,
    body_digest  bytea NOT NULL,
    execution_id uuid,
    status       integer,
    headers      json,
    body         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, method, path, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Calls counted per user, name and window of time.
CREATE TABLE rate_limits (
    user_id      uuid NOT NULL REFERENCES users (id),
    name         text NOT NULL,
    window_start timestamptz NOT NULL,
    calls        integer NOT NULL,
    PRIMARY KEY (user_id, name)
);
