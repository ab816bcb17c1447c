-- The id and the name of each run's flow, for the lists: a large flow is not read for them. NULL in rows of earlier
-- releases, which may still insert some while this one is deployed.
ALTER TABLE executions
    ADD COLUMN flow_id   text,
    ADD COLUMN flow_name text;
