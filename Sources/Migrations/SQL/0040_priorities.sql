-- Of a user's runs that are due, those of workflows with a higher priority are claimed first; users have their turns as
-- before. A workflow may bound how many of its runs wait for a worker.
ALTER TABLE workflows
    ADD COLUMN priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9),
    ADD COLUMN max_queued integer CHECK (max_queued > 0);

ALTER TABLE queue ADD COLUMN priority smallint NOT NULL DEFAULT 0;

DROP INDEX queue_ready;
CREATE INDEX queue_ready ON queue (user_id, priority DESC, execution_id)
    WHERE lease IS NULL AND is_admitted AND state = 'queued';
