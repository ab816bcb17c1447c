-- A user's second factor: an authenticator app. The secret is sealed by a key that is not in here. A code counts once:
-- last_step is the time step of the last one that did.
CREATE TABLE second_factors (
    user_id      uuid PRIMARY KEY REFERENCES users (id),
    secret       bytea NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint NOT NULL DEFAULT 0
);

-- What stands in for the app when that is lost, each once.
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users (id),
    digest  bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, digest)
);
