-- Keys of the access tokens that came after those of the settings, each sealed by a key that is not in here. The newest
-- whose time to sign has come signs. It is known to all before: signs_at is later than created_at.
CREATE TABLE token_keys (
    id         text PRIMARY KEY,
    secret     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    signs_at   timestamptz NOT NULL UNIQUE,
    CHECK (signs_at > created_at)
);

-- When a factor was begun: one that is never confirmed does not stay.
ALTER TABLE second_factors ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
