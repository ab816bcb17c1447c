-- Not everybody logs in by a name and a password: guests have neither, and other issuers of tokens vouch for their own
-- users. Such an account can be logged in to by name as soon as it has a password, and not before.
ALTER TABLE users
    ALTER COLUMN password_hash DROP NOT NULL,
    DROP CONSTRAINT users_have_a_login,
    DROP CONSTRAINT users_role_check,
    ADD CONSTRAINT users_role_check CHECK (role IN ('guest', 'client', 'admin')),
    ADD CONSTRAINT users_with_a_password_have_a_name
        CHECK (password_hash IS NULL OR num_nonnulls(email, username) > 0);
