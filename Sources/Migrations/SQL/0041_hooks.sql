-- A hook: an address outside of the API at which another service starts runs of a workflow. scheme: how its calls are
-- signed; NULL: they are not. headers: the names of the header fields that runs get in their input, in lower case.
CREATE TABLE hooks (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users (id),
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    name        text,
    scheme      text CHECK (scheme IN ('stripe', 'github')),
    headers     text[] NOT NULL DEFAULT '{}',
    answer      text NOT NULL DEFAULT 'status' CHECK (answer IN ('status', 'result')),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX hooks_user ON hooks (user_id, created_at, id);
CREATE INDEX hooks_workflow ON hooks (workflow_id, created_at, id);
CREATE INDEX hooks_created ON hooks (created_at, id);

-- The secret parts of the URLs of hooks, as SHA-256 digests. expires_at: when one that was replaced ends; NULL: the
-- present one.
CREATE TABLE hook_tokens (
    digest     bytea PRIMARY KEY,
    hook_id    uuid NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    expires_at timestamptz
);
CREATE UNIQUE INDEX hook_tokens_present ON hook_tokens (hook_id) WHERE expires_at IS NULL;
CREATE INDEX hook_tokens_hook ON hook_tokens (hook_id);
CREATE INDEX hook_tokens_user ON hook_tokens (user_id);
CREATE INDEX hook_tokens_expiry ON hook_tokens (expires_at) WHERE expires_at IS NOT NULL;

-- The secrets that sign the calls, sealed by a key that is not in the database; expires_at as above.
CREATE TABLE hook_secrets (
    id         uuid PRIMARY KEY,
    hook_id    uuid NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    sealed     bytea NOT NULL,
    expires_at timestamptz
);
CREATE UNIQUE INDEX hook_secrets_present ON hook_secrets (hook_id) WHERE expires_at IS NULL;
CREATE INDEX hook_secrets_hook ON hook_secrets (hook_id);
CREATE INDEX hook_secrets_user ON hook_secrets (user_id);
CREATE INDEX hook_secrets_expiry ON hook_secrets (expires_at) WHERE expires_at IS NOT NULL;

-- The last calls of each hook, for its owner. outcome: `started`, `repeated`, or the code of the problem.
CREATE TABLE hook_deliveries (
    id           uuid PRIMARY KEY,
    hook_id      uuid NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    user_id      uuid NOT NULL,
    delivery_id  text,
    outcome      text NOT NULL,
    execution_id uuid,
    is_test      boolean NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX hook_deliveries_hook ON hook_deliveries (hook_id, created_at, id);
CREATE INDEX hook_deliveries_user ON hook_deliveries (user_id);

-- The run that each delivery has started, so that a repeated one starts none. bytes: what the row counts for its user.
-- Without a reference to the hook: its deletion need not remove them, because they expire soon.
CREATE TABLE hook_claims (
    hook_id      uuid NOT NULL,
    delivery_id  text NOT NULL,
    user_id      uuid NOT NULL,
    execution_id uuid NOT NULL,
    bytes        bigint NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hook_id, delivery_id)
);
CREATE INDEX hook_claims_user ON hook_claims (user_id);
CREATE INDEX hook_claims_created ON hook_claims (created_at);
