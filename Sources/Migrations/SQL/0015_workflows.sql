-- A flow that is kept, to be run again. What it does is in its versions; what stands here holds for all of them.
-- revision counts every change, version only those of what is run. A deleted one stays for the executions that name it.
CREATE TABLE workflows (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users (id),
    version     integer NOT NULL CHECK (version > 0),
    revision    bigint NOT NULL DEFAULT 1,
    -- Runs of it at a time; NULL: any number.
    concurrency integer CHECK (concurrency > 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz
);
CREATE INDEX workflows_user ON workflows (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX workflows_newest ON workflows (created_at, id) WHERE deleted_at IS NULL;

-- Numbered from 1 on without a gap, each later than the one before. An execution names the version that it ran for
-- ever, so none is changed or removed.
CREATE TABLE workflow_versions (
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    version     integer NOT NULL CHECK (version > 0),
    name        text NOT NULL,
    description text,
    flow        json NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, version)
);
CREATE INDEX workflow_versions_newest ON workflow_versions (workflow_id, created_at);

CREATE FUNCTION guard_workflow_versions() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'versions of workflows stay as they are' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER workflow_versions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON workflow_versions
    FOR EACH STATEMENT EXECUTE FUNCTION guard_workflow_versions();
