import Postgres
import TestSupport
import Testing

@testable import App

/// The names of time zones that a process keeps.
@Suite struct TimeZoneNamesTests {
    @Test func theyAreThoseOfTheDatabaseAndReadOnce() throws {
        let names = TimeZoneNames()
        let database = try TestDatabase.make()
        #expect(try names.name("europe/BERLIN", on: database.connectAsApplication()) == "Europe/Berlin")
        let unreachable = Connection(try PostgresConfiguration("host=/nonexistent"))
        for (text, name) in [("Europe/Berlin", "Europe/Berlin"), ("utc", "UTC"), ("Etc/GMT+3", "Etc/GMT+3")] {
            #expect(try names.name(text, on: unreachable) == name)
        }
        // The server accepts some of these as offsets in the form of POSIX.
        for text in [
            "UTC+3", "Mars/Phobos", "+02:00", "02", "<X>5", "Berlin", "localtime", "posix/UTC", "", "' OR 1=1",
        ] {
            #expect(try names.name(text, on: unreachable) == nil, "\(text)")
        }
        #expect(throws: PostgresError.self) { try TimeZoneNames().name("UTC", on: unreachable) }
    }
}
