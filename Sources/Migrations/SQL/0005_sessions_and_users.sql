-- A session is renewed by refresh tokens that are numbered and made from its seed by a key that is not in here: what a
-- stranger reads in this table opens nothing.
ALTER TABLE sessions
    ADD COLUMN seed           bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
    ADD COLUMN refresh_number integer NOT NULL DEFAULT 0,
    ADD COLUMN refreshed_at   timestamptz,
    ADD COLUMN address        text NOT NULL DEFAULT '',
    ADD COLUMN agent          text NOT NULL DEFAULT '';

-- A deleted account keeps its row for the records that name it, and gives its names back.
ALTER TABLE users ADD COLUMN deleted_at timestamptz;
DROP INDEX users_email;
DROP INDEX users_username;
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username ON users (lower(username)) WHERE deleted_at IS NULL;
CREATE INDEX users_newest ON users (created_at, id) WHERE deleted_at IS NULL;
