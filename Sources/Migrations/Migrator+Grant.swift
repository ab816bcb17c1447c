package import Postgres

extension Migrator {
    /// Grants an application's role the privileges that the program needs in this schema, and revokes all others. The
    /// role may read and write tables, use sequences, and read, but not write, `schema_migrations`. Exceptions protect
    /// the history: the role may insert audit log entries and set their seals, insert ledger entries, and insert
    /// records and set their `deleted_at`, but not change these rows otherwise, and it may not delete rows of
    /// `credits`. The function `remove_records` deletes records of deleted accounts only, and other functions make and
    /// drop the partitions of the history, whose tables the role may not change.
    ///
    /// Tables of later migrations are included if the role that calls this creates them. The call is idempotent.
    package func grant(to role: String, _ connection: Connection) throws {
        try connection.transaction { connection in
            // Two transactions that change the same access list at once would fail.
            try connection.execute("SELECT pg_advisory_xact_lock(\(Self.lock))")
            let rows = try connection.query("SELECT format(\(Self.grants), current_schema(), \(role)::text)")
            guard let script = try rows.first?.decode(String.self) else { return }
            try connection.execute(unsafeScript: script)
        }
    }

    /// A pattern for the server's `format`, which quotes the names: the schema, then the role.
    private static let grants = """
        REVOKE ALL ON ALL TABLES IN SCHEMA %1$I FROM %2$I;
        REVOKE ALL ON ALL SEQUENCES IN SCHEMA %1$I FROM %2$I;
        GRANT USAGE ON SCHEMA %1$I TO %2$I;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I TO %2$I;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA %1$I TO %2$I;
        REVOKE INSERT, UPDATE, DELETE ON %1$I.schema_migrations FROM %2$I;
        REVOKE UPDATE, DELETE ON %1$I.audit_log FROM %2$I;
        GRANT UPDATE (position, seal) ON %1$I.audit_log TO %2$I;
        REVOKE UPDATE, DELETE ON %1$I.ledger FROM %2$I;
        REVOKE DELETE ON %1$I.credits FROM %2$I;
        REVOKE UPDATE, DELETE ON %1$I.records FROM %2$I;
        GRANT UPDATE (deleted_at) ON %1$I.records TO %2$I;
        REVOKE INSERT, UPDATE, DELETE ON %1$I.dropped_history FROM %2$I;
        GRANT EXECUTE ON FUNCTION %1$I.make_history_partitions(bigint) TO %2$I;
        GRANT EXECUTE ON FUNCTION %1$I.drop_history_partition(timestamptz) TO %2$I;
        GRANT EXECUTE ON FUNCTION %1$I.count_dropped_history(integer) TO %2$I;
        ALTER DEFAULT PRIVILEGES IN SCHEMA %1$I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %2$I;
        ALTER DEFAULT PRIVILEGES IN SCHEMA %1$I GRANT USAGE ON SEQUENCES TO %2$I;
        """
}
