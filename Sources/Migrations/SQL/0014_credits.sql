-- An id as the program makes them (RFC 9562, section 5.7), for rows that the database makes.
CREATE FUNCTION uuid_v7() RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                PLACING substr(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 3) FROM 1 FOR 6),
            52, 1), 53, 1), 'hex')::uuid;

-- What a user can spend, and what is put aside for runs that go on. A user without a row has nothing. It is what the
-- ledger's entries of the user add up to, kept so that its row is the one place to wait and to be refused.
CREATE TABLE credits (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    balance bigint NOT NULL,
    held    bigint NOT NULL DEFAULT 0,
    entries bigint NOT NULL,
    CONSTRAINT credits_suffice CHECK (balance >= 0),
    CONSTRAINT held_credits_suffice CHECK (held >= 0)
);

-- Each row moves credits from one account to another, so all accounts together always make zero. Two of them are the
-- user's: available, which is what can be spent, and held. The others are the house's: issued and revenue. balance and
-- held are the user's after it, seq counts the user's entries from 1 without a gap.
-- No foreign key, for it would cost every run a look-up; and an execution may be detached before its entries.
CREATE TABLE ledger (
    id           uuid NOT NULL DEFAULT uuid_v7(),
    user_id      uuid NOT NULL,
    seq          bigint NOT NULL,
    debit        text NOT NULL,
    credit       text NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    balance      bigint NOT NULL,
    held         bigint NOT NULL,
    execution_id uuid,
    note         text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, seq),
    CONSTRAINT ledger_moves CHECK ((debit, credit) IN (
        ('issued', 'available'), ('available', 'revenue'), ('available', 'held'), ('held', 'revenue'),
        ('held', 'available'))),
    -- Named as those of credits, which has no row to refuse for a user without any.
    CONSTRAINT credits_suffice CHECK (balance >= 0),
    CONSTRAINT held_credits_suffice CHECK (held >= 0)
);
CREATE INDEX ledger_user ON ledger (user_id, created_at, id);

CREATE FUNCTION guard_ledger() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION guard_ledger();

-- What a task costs each time, for types where somebody said so: the others cost nothing and are active.
CREATE TABLE prices (
    task_type text PRIMARY KEY,
    cost      bigint NOT NULL CHECK (cost >= 0),
    active    boolean NOT NULL
);

-- One row an operation that somebody ran: amount is what it cost then, user_balance what was left.
CREATE TABLE records (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL,
    operation    text NOT NULL,
    arguments    json NOT NULL,
    amount       bigint NOT NULL,
    user_balance bigint NOT NULL,
    result       json NOT NULL,
    execution_id uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at   timestamptz
);
CREATE INDEX records_user ON records (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX records_newest ON records (created_at, id) WHERE deleted_at IS NULL;
