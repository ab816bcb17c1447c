package import Postgres

extension Migrator {
    /// Gives an application's role what the program needs in this schema, and takes away what else it had: to read and
    /// write tables, to draw from sequences, and to read, but not write, `schema_migrations`. To the audit log it may add,
    /// and seal what it added; to the ledger it may add; of records it may say that they are deleted.
    ///
    /// Tables of later migrations are included, if the role that runs this makes them. To repeat it does no harm.
    package func grant(to role: String, _ connection: Connection) throws {
        try connection.transaction { connection in
            // Two that change the same access list at once would fail.
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
        ALTER DEFAULT PRIVILEGES IN SCHEMA %1$I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %2$I;
        ALTER DEFAULT PRIVILEGES IN SCHEMA %1$I GRANT USAGE ON SEQUENCES TO %2$I;
        """
}
