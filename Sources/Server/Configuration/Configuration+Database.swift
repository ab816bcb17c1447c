import Postgres

extension Configuration {
    var database: PostgresConfiguration {
        get throws {
            let url = value("DATABASE_URL") ?? value("AWS_PGSQL_PATH") ?? databaseParts
            return try postgres(url, "DATABASE_URL")
        }
    }

    /// The `DB_…` settings as a connection string; nil if `DB_HOST` is not set.
    private var databaseParts: String? {
        guard value("DB_HOST") != nil else { return nil }
        let keywords: KeyValuePairs = [
            "DB_HOST": "host", "DB_PORT": "port", "DB_NAME": "dbname", "DB_USER": "user", "DB_PASSWORD": "password",
            "DB_SSL_MODE": "sslmode",
        ]
        return keywords.compactMap { setting, keyword in
            value(setting).map { value in
                let escaped = value.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
                return "\(keyword)='\(escaped)'"
            }
        }.joined(separator: " ")
    }

    /// The connection of `migrate`. It must not pass a pooler in transaction mode: migrators wait for each other by a
    /// session lock, which such a pooler would leave to another client.
    var migrationDatabase: PostgresConfiguration {
        get throws {
            if let url = value("MIGRATION_DATABASE_URL") {
                var configuration = try postgres(url, "MIGRATION_DATABASE_URL")
                configuration.preparesStatements = true
                return configuration
            }
            let configuration = try database
            guard configuration.preparesStatements else {
                throw ConfigurationError(
                    setting: "MIGRATION_DATABASE_URL", reason: "must be set if DB_PREPARE is off, and bypass the pooler"
                )
            }
            return configuration
        }
    }

    private func postgres(_ url: String?, _ setting: String) throws -> PostgresConfiguration {
        guard let url else { throw ConfigurationError(setting: setting, reason: "must be set") }
        guard var configuration = try? PostgresConfiguration(url) else {
            throw ConfigurationError(
                setting: setting, reason: "is not a valid Postgres URL like postgresql://user@host/name")
        }
        configuration.preparesStatements = try isOn("DB_PREPARE")
        // Limits how long a request waits for another one with the same Idempotency-Key.
        configuration.lockTimeout = .seconds(2)
        return configuration
    }
}
