-- Workers claim the runs of one user after the other, each user's in the order in which they were created: the next one
-- is the first in this index behind the user whose turn was last. A run that waits is not in it: it becomes 'queued'
-- when something wakes it, or when its time has come.
CREATE INDEX queue_ready ON queue (user_id, execution_id) WHERE lease IS NULL AND is_admitted AND state = 'queued';
CREATE INDEX queue_waiting ON queue (available_at) WHERE lease IS NULL AND is_admitted AND state = 'waiting';
DROP INDEX queue_due;
