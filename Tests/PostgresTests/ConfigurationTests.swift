import Postgres
import Testing

@Suite struct ConfigurationTests {
    @Test(arguments: [
        "postgresql://ada:s3cret@db.example.org:5433/flows", "postgres://ada:s3cret@db.example.org:5433/flows",
        "postgresql+psycopg2://ada:s3cret@db.example.org:5433/flows",
        "host=db.example.org port=5433 user=ada password=s3cret dbname=flows",
    ])
    func parsesEveryFormat(connectionString: String) throws {
        let configuration = try PostgresConfiguration(connectionString)
        #expect(configuration["host"] == "db.example.org")
        #expect(configuration["dbname"] == "flows")
        #expect(configuration["password"] == "s3cret")
        #expect(configuration.description == "postgresql://ada@db.example.org:5433/flows")
        #expect(!String(reflecting: configuration).contains("s3cret"))
    }

    @Test(arguments: ["postgresql://[::1/x", "nonsense=s3cret", "s3cret", "postgresql://a\0b/c"])
    func invalidStringsAreRefusedWithoutQuotingThem(connectionString: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(connectionString) }
        #expect(error?.kind == .invalidConfiguration)
        #expect(error?.debugDescription.contains("s3cret") == false)
    }

    @Test(arguments: [
        ("postgresql://db.example.org/flows", "verify-full"),
        ("postgresql://db.example.org/flows?sslmode=require", "require"),
        ("postgresql://localhost,db.example.org/flows", "verify-full"),
        ("postgresql://127.evil.example/flows", "verify-full"),
        ("postgresql:///flows", "verify-full"),
        ("postgresql://localhost/flows", nil), ("postgresql://127.0.0.1/flows", nil),
        ("postgresql://[::1]/flows", nil), ("postgresql:///flows?host=/run/postgresql", nil),
        ("postgresql://db.example.org/flows?hostaddr=127.0.0.1", nil),
    ])
    func remoteServersAreVerified(connectionString: String, sslmode: String?) throws {
        #expect(try PostgresConfiguration(connectionString)["sslmode"] == sslmode)
    }
}
