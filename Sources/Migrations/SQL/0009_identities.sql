-- Whom other issuers of tokens vouch for, and who that is here. A row stays when its user is deleted: the same person
-- is not made anew.
CREATE TABLE identities (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    -- Checked at the end: the identity is claimed before its user is made, so that of two at once one makes it.
    user_id    uuid NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user ON identities (user_id);
