-- A secret with which the flows of a user call other services. The value is sealed by a key that is not in the
-- database; hosts are those to which it may be sent. header: the name of the header field, for the kind of that name.
CREATE TABLE credentials (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id),
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('bearer', 'basic', 'header')),
    header     text CHECK ((header IS NOT NULL) = (kind = 'header')),
    hosts      text[] NOT NULL CHECK (cardinality(hosts) > 0),
    sealed     bytea NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX credentials_name ON credentials (user_id, folded(name));
CREATE INDEX credentials_user ON credentials (user_id, created_at, id);
