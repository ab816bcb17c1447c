-- What data.store keeps and data.fetch reads, per user.
CREATE TABLE documents (
    user_id    uuid NOT NULL REFERENCES users (id),
    name       text NOT NULL,
    value      json NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, name)
);

CREATE TABLE posts (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id),
    title      text NOT NULL,
    content    text NOT NULL,
    published  boolean NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX posts_newest ON posts (created_at, id);
