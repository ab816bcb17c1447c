-- Before the first admin is made, the program asks whether an e-mail ever was an account's. The unique index has no
-- accounts that are deleted.
CREATE INDEX users_deleted_email ON users (folded(email)) WHERE deleted_at IS NOT NULL;
