-- The value of a credential may be kept in AWS Secrets Manager: sealed is then NULL. Those that are to be removed there,
-- because the credential is gone or has its value here now, are noted until a worker has removed them.
ALTER TABLE credentials ALTER COLUMN sealed DROP NOT NULL;

CREATE TABLE removed_secrets (
    credential_id uuid PRIMARY KEY,
    owner_id      uuid NOT NULL
);

CREATE FUNCTION note_removed_secret() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO removed_secrets (credential_id, owner_id) VALUES (OLD.id, OLD.user_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER credentials_deleted AFTER DELETE ON credentials
    FOR EACH ROW WHEN (OLD.sealed IS NULL) EXECUTE FUNCTION note_removed_secret();
CREATE TRIGGER credentials_moved AFTER UPDATE OF sealed ON credentials
    FOR EACH ROW WHEN (OLD.sealed IS NULL AND NEW.sealed IS NOT NULL) EXECUTE FUNCTION note_removed_secret();
