-- One name is one account, however its letters are cased and its accents composed, in every script; of both the
-- database's own locale may know nothing.
CREATE FUNCTION folded(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(normalize(name) COLLATE "und-x-icu");

DROP INDEX users_email;
DROP INDEX users_username;
CREATE UNIQUE INDEX users_email ON users (folded(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username ON users (folded(username)) WHERE deleted_at IS NULL;
