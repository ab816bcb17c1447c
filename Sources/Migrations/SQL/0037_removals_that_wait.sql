-- A value that AWS Secrets Manager refuses to remove has its turn again after the others.
ALTER TABLE removed_secrets ADD COLUMN due_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX removed_secrets_due ON removed_secrets (due_at);
