-- How many documents each user has. The trigger keeps it, so that a new document costs the same however many there are.
-- The row is locked until the end of the transaction: of two new documents at once, the second counts the first.
CREATE TABLE document_counts (
    user_id   uuid PRIMARY KEY,
    documents integer NOT NULL
) WITH (fillfactor = 70);

CREATE FUNCTION count_documents() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    total integer;
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE document_counts SET documents = documents - 1 WHERE user_id = OLD.user_id;
        RETURN NULL;
    END IF;
    INSERT INTO document_counts AS c (user_id, documents) VALUES (NEW.user_id, 1)
    ON CONFLICT (user_id) DO UPDATE SET documents = c.documents + 1
    RETURNING documents INTO total;
    IF total > 10000 THEN
        RAISE EXCEPTION 'the user has the maximum number of documents'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'documents_bounded';
    END IF;
    RETURN NULL;
END
$$;
-- It locks the table, so the counts that follow are exact.
CREATE TRIGGER documents_counted AFTER INSERT OR DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION count_documents();
INSERT INTO document_counts (user_id, documents) SELECT user_id, count(*) FROM documents GROUP BY user_id;

-- The runs of a version, which keep it from being removed.
CREATE INDEX executions_version ON executions (workflow_id, version) WHERE workflow_id IS NOT NULL;

-- No version is changed. One may be removed that is not the current one of a workflow and that no run names.
DROP TRIGGER workflow_versions_stay ON workflow_versions;
CREATE TRIGGER workflow_versions_stay BEFORE UPDATE OR TRUNCATE ON workflow_versions
    FOR EACH STATEMENT EXECUTE FUNCTION guard_workflow_versions();

CREATE FUNCTION guard_removed_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (SELECT FROM executions e WHERE e.workflow_id = OLD.workflow_id AND e.version = OLD.version)
        OR EXISTS (
            SELECT FROM workflows w
            WHERE w.id = OLD.workflow_id AND w.version = OLD.version AND w.deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'a version stays that is the current one or that a run names'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER workflow_versions_removed BEFORE DELETE ON workflow_versions
    FOR EACH ROW EXECUTE FUNCTION guard_removed_version();

-- A login ends the oldest of these if the user has the maximum number; there are never more, however many have ended.
CREATE INDEX sessions_open ON sessions (user_id, created_at, id) WHERE ended_at IS NULL;
