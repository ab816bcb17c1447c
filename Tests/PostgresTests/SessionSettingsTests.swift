import Postgres
import TestSupport
import Testing

/// A database with settings that differ from the defaults of the server.
@Suite struct SessionSettingsTests {
    private static let settings = [
        ("bytea_output", "escape"), ("datestyle", "German"), ("intervalstyle", "iso_8601"),
        ("extra_float_digits", "-15"),
        ("timezone", "Asia/Tokyo"), ("standard_conforming_strings", "off"), ("transform_null_equals", "on"),
        ("array_nulls", "off"), ("default_transaction_isolation", "serializable"),
        ("statement_timeout", "1ms"), ("client_encoding", "LATIN1"),
    ]

    @Test func sessionsHaveTheSettingsThatTheProgramReliesOn() throws {
        let database = try TestDatabase.make(isMigrated: false)
        let owner = database.connect()
        try owner.execute("CREATE TABLE things (id int)")
        try owner.execute("GRANT INSERT ON things TO PUBLIC")
        for (name, value) in Self.settings {
            try owner.execute(unsafeScript: "ALTER DATABASE \"\(database.name)\" SET \(name) = '\(value)'")
        }
        let connection = database.connectAsApplication()
        try connection.transaction { connection in
            let row = try connection.query(
                """
                SELECT '\\x00ff'::bytea, 0.1::float8 + 0.2::float8, '2026-11-29 12:00:00+00'::timestamptz::text,
                    '1 day'::interval::text, 'é', current_setting('transaction_isolation'), (NULL = NULL) IS NULL,
                    pg_sleep(0.01) IS NULL
                """
            ).only
            var columns = row.columns
            #expect(try columns.next([UInt8].self) == [0, 0xFF])
            #expect(try columns.next(Double.self) == 0.1 + 0.2)
            #expect(try columns.next(String.self) == "2026-11-29 12:00:00+00")
            #expect(try columns.next(String.self) == "1 day")
            #expect(try columns.next(String.self) == "é")
            #expect(try columns.next(String.self) == (TestDatabase.givesSessions ? "read committed" : "serializable"))
            #expect(try columns.next(Bool.self))
            try connection.execute("INSERT INTO things VALUES (1)")
        }
        #expect(try owner.query("SELECT count(*) FROM things").only.decode(Int.self) == 1)
    }
}
