import Postgres
import Synchronization
import System

/// The time zones that the database server knows. To list them the server reads hundreds of files, so a process keeps
/// them for an hour.
final class TimeZoneNames: Sendable {
    static let ofServer = TimeZoneNames()

    private struct List {
        /// By the name in lower case.
        var names: [String: String]
        var expires: Monotonic
    }

    private static let lifetime = Duration.seconds(3_600)
    /// Not held while the names are read: a call must not wait for another one that waits for the database.
    private let list = Mutex<List?>(nil)

    /// The name as the tz database has it, for one in upper or lower case; nil if it has none of this name. The names
    /// of files for other purposes, and offsets in the form of POSIX, which the server would accept, are none.
    func name(_ name: String, on connection: Connection) throws -> String? {
        let kept = list.withLock { list in list.flatMap { $0.expires > .now ? $0 : nil } }
        return try (kept ?? read(on: connection)).names[name.lowercased()]
    }

    private func read(on connection: Connection) throws -> List {
        let rows = try connection.query(
            """
            SELECT name FROM pg_timezone_names
            WHERE name !~ '^(posix|right)/' AND name NOT IN ('localtime', 'posixrules')
            """)
        let names = try rows.map { try $0.decode(String.self) }
        let read = List(
            names: Dictionary(names.map { ($0.lowercased(), $0) }, uniquingKeysWith: { one, _ in one }),
            expires: .now + Self.lifetime)
        list.withLock { $0 = read }
        return read
    }
}
