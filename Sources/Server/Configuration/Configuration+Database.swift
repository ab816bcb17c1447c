import Postgres
import System

extension Configuration {
    var database: PostgresConfiguration {
        get throws { try postgres(try self.databaseURL ?? databaseParts, \.databaseURL) }
    }

    /// The `DB_…` settings as a connection string; nil if `DB_HOST` is not set.
    private var databaseParts: String? {
        get throws {
            guard let host = try self.dbHost else { return nil }
            let keywords: KeyValuePairs<String, String?> = try [
                "host": host, "port": self.dbPort, "dbname": self.dbName, "user": self.dbUser,
                "password": self.dbPassword,
                "sslmode": self.dbSSLMode,
            ]
            return keywords.compactMap { keyword, value in
                value.map { value in
                    let escaped = value.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
                    return "\(keyword)='\(escaped)'"
                }
            }.joined(separator: " ")
        }
    }

    /// The connection of `migrate`. It must not pass a pooler in transaction mode: migrators wait for each other by a
    /// session lock, which such a pooler would pass to another client.
    var migrationDatabase: PostgresConfiguration {
        get throws {
            if let url = try self.migrationDatabaseURL {
                var configuration = try postgres(url, \.migrationDatabaseURL)
                configuration.preparesStatements = true
                return configuration
            }
            let configuration = try database
            guard configuration.preparesStatements else {
                throw ConfigurationError(
                    \.migrationDatabaseURL, "must be set if DB_PREPARE is off, and bypass the pooler")
            }
            return configuration
        }
    }

    /// Whether libpq knows by itself which certificate authorities to trust.
    private var namesAuthorities: Bool {
        text(ofVariable: "PGSSLROOTCERT") != nil
            || text(ofVariable: "HOME").map { Files.exists("\($0)/.postgresql/root.crt") } ?? false
    }

    private func postgres(
        _ url: String?, _ setting: KeyPath<Settings, Setting<String?>>
    ) throws -> PostgresConfiguration {
        guard let url else { throw ConfigurationError(setting, "must be set") }
        guard var configuration = try? PostgresConfiguration(url) else {
            throw ConfigurationError(
                setting, "is not a valid Postgres URL like postgresql://user@host/name")
        }
        if configuration["sslmode"] == "verify-full", configuration["sslrootcert"] == nil, !namesAuthorities {
            configuration["sslrootcert"] = CertificateAuthorities.file
        }
        configuration.preparesStatements = try self.dbPrepare
        // Limits how long a request waits for another one with the same Idempotency-Key.
        configuration.lockTimeout = .seconds(2)
        return configuration
    }
}
