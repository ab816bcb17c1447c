-- What others need to know to run a workflow. input_schema: the JSON Schema of the inputs that a version accepts, as
-- the user sent it; NULL: any. key: a name that the owner gives the workflow, so that flows can name it in each
-- installation; a deleted workflow frees it.
ALTER TABLE workflow_versions ADD COLUMN input_schema json;
ALTER TABLE workflows ADD COLUMN key text CHECK (key ~ '^[a-z][a-z0-9-]{0,62}$');
CREATE UNIQUE INDEX workflows_key ON workflows (user_id, key) WHERE deleted_at IS NULL AND key IS NOT NULL;

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
    THEN
        ALTER TABLE workflow_versions ALTER COLUMN input_schema SET COMPRESSION lz4;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION stored_bytes(v workflow_versions) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN 128 + octet_length(v.name) + coalesce(octet_length(v.description), 0) + octet_length(v.flow::text)
        + coalesce(octet_length(v.input_schema::text), 0);
