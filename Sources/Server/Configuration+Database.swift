import Postgres

extension Configuration {
    var database: PostgresConfiguration {
        get throws {
            let url = value("DATABASE_URL") ?? value("AWS_PGSQL_PATH") ?? databaseParts
            return try postgres(url, "DATABASE_URL")
        }
    }

    /// The `DB_…` settings as a connection string, if there is a host among them.
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

    /// Statements of a migration may take as long as they need. Migrators wait for each other by a lock of the session,
    /// which a pooler would leave to somebody else, so the way has to be a direct one.
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
                    setting: "MIGRATION_DATABASE_URL", reason: "is not set; DB_PREPARE=off needs one past the pooler")
            }
            return configuration
        }
    }

    private func postgres(_ url: String?, _ setting: String) throws -> PostgresConfiguration {
        guard let url else { throw ConfigurationError(setting: setting, reason: "is not set") }
        guard var configuration = try? PostgresConfiguration(url) else {
            throw ConfigurationError(setting: setting, reason: "is no address of a Postgres database")
        }
        configuration.preparesStatements = try isOn("DB_PREPARE")
        // As long as a call waits for another one with its Idempotency-Key.
        configuration.lockTimeout = .seconds(2)
        return configuration
    }
}
