-- The guest that a network address has at present: one at a time, whose place the next one takes when it has expired.
-- A guest that was made a client is none any more.
CREATE TABLE guests (
    network    text PRIMARY KEY,
    user_id    uuid NOT NULL UNIQUE REFERENCES users (id),
    expires_at timestamptz NOT NULL
);

-- Calls are counted for users, and where nobody has logged in yet, for network addresses.
ALTER TABLE rate_limits
    DROP CONSTRAINT rate_limits_pkey,
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN network text,
    ADD CONSTRAINT rate_limits_of_users UNIQUE (user_id, name),
    ADD CONSTRAINT rate_limits_of_networks UNIQUE (network, name),
    ADD CONSTRAINT rate_limits_have_a_subject CHECK (num_nonnulls(user_id, network) = 1);
