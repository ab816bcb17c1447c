import App
import Dispatch
import Postgres
import System
import Synchronization
import TestSupport
import Testing

/// The hash chain of the audit log, on a separate database.
@Suite struct AuditChainTests {
    let database: TestDatabase
    let application: Connection
    let owner: Connection

    init() throws {
        database = try TestDatabase.make()
        application = database.connectAsApplication()
        owner = database.connect()
    }

    private static func event(_ number: Int) -> SQL {
        """
        INSERT INTO audit_log (id, action, origin, detail)
        VALUES (gen_random_uuid(), 'login', 'request', json_build_object('number', \(number)::bigint))
        """
    }

    /// Fills the log with ten sealed entries and returns its head.
    private func fill() throws -> AuditHead {
        for number in 1...10 { try application.execute(Self.event(number)) }
        return try AuditLog.verify(on: application)
    }

    private func flaw(_ head: AuditHead? = nil) -> AuditFlaw? {
        do {
            _ = try AuditLog.verify(against: head, on: application)
            return nil
        } catch {
            return error as? AuditFlaw
        }
    }

    @Test func verifiesAnEmptyLog() throws {
        let head = try AuditLog.verify(on: application)
        #expect(head.description == "0:")
        #expect(AuditHead("0:") == head)
        #expect(try fill().position == 10)
        #expect(flaw(head) == nil)
    }

    /// Many threads write and some of them seal. One transaction has the row with the smallest id and commits last.
    @Test func concurrentWritersKeepTheChainUnbroken() throws {
        let early = database.connectAsApplication()
        try early.begin()
        try early.execute(
            """
            INSERT INTO audit_log (id, action, origin, detail)
            VALUES ('00000000-0000-7000-8000-000000000000', 'login', 'request', '{}')
            """)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { [database] thread in
            do {
                let connection = database.connectAsApplication()
                for number in 0..<25 {
                    try connection.transaction { connection in try connection.execute(Self.event(number)) }
                    if number % 4 != thread % 4 { try AuditLog.seal(on: connection) }
                }
            } catch {
                failures.withLock { $0.append(String(reflecting: error)) }
            }
        }
        #expect(failures.withLock(\.self) == [])
        let head = try AuditLog.verify(on: application)
        #expect(head.position == 200)
        try early.commit()
        #expect(try AuditLog.verify(against: head, on: application).position == 201)
        let last = try owner.query("SELECT position FROM audit_log ORDER BY id LIMIT 1").only.decode(Int.self)
        #expect(last == 201, "sealed in the order in which they became visible")
    }

    /// While one transaction seals, another does nothing and does not wait.
    @Test func onlyOneTransactionSealsAtATime() throws {
        try application.execute(Self.event(1))
        let other = database.connectAsApplication()
        try other.begin()
        #expect(try other.query("SELECT seal_audit_log()").only.decode(Int.self) == 1)
        try application.execute(Self.event(2))
        #expect(try AuditLog.seal(on: application) == 0)
        other.rollback()
        #expect(try AuditLog.seal(on: application) == 2)
        #expect(flaw() == nil)
    }

    @Test func reportsRowsThatStayUnsealed() throws {
        let other = database.connectAsApplication()
        try other.begin()
        #expect(try other.query("SELECT seal_audit_log()").only.decode(Int.self) == 0)
        try application.execute(Self.event(1))
        #expect(flaw() == nil, "sealing may take a minute")
        try application.execute(
            """
            INSERT INTO audit_log (id, action, origin, detail, created_at)
            VALUES (gen_random_uuid(), 'login', 'request', '{}', now() - interval '61 seconds')
            """)
        #expect(flaw() == .unsealed(1))
        other.rollback()
        #expect(flaw() == nil)
    }

    @Test func verifiesAfterARestoreIntoAnotherDatabase() throws {
        let head = try fill()
        try application.execute(Self.event(11))
        let target = try TestDatabase.make(isMigrated: false)
        var environment = Environment.current
        environment["FROM"] = database.owner.connectionString
        environment["TO"] = target.owner.connectionString
        let restore = """
            pg_dump --no-owner --no-privileges --dbname "$FROM" | psql --quiet --set ON_ERROR_STOP=1 --dbname "$TO"
            """
        try run("/bin/sh", ["-c", restore + " >/dev/null"], environment)
        let restored = target.connect()
        #expect(try AuditLog.verify(against: head, on: restored).position == 11)
        try restored.execute(Self.event(12))
        #expect(try AuditLog.verify(against: head, on: restored).position == 12)
    }

    /// Changes by a role with all privileges on the table. A truncated or rebuilt chain is detected only with a head.
    @Test(
        arguments: [
            ("UPDATE audit_log SET detail = '{\"number\": 40}' WHERE position = 4", .broken(at: 4)),
            ("UPDATE audit_log SET created_at = created_at - interval '1 us' WHERE position = 4", .broken(at: 4)),
            ("UPDATE audit_log SET actor = gen_random_uuid() WHERE position = 10", .broken(at: 10)),
            ("UPDATE audit_log SET seal = sha256('x') WHERE position = 4", .broken(at: 4)),
            ("DELETE FROM audit_log WHERE position = 1", .broken(at: 1)),
            ("DELETE FROM audit_log WHERE position = 4", .broken(at: 4)),
            (
                """
                WITH gone AS (DELETE FROM audit_log WHERE position = 4)
                UPDATE audit_log SET position = -position WHERE position > 4;
                UPDATE audit_log SET position = -position - 1 WHERE position < 0
                """, .broken(at: 4)
            ),
            (
                """
                UPDATE audit_log SET position = position + 100 WHERE position IN (4, 5);
                UPDATE audit_log SET position = 109 - position WHERE position > 100
                """, .broken(at: 4)
            ),
            (
                """
                UPDATE audit_log SET position = position + 100 WHERE position >= 4;
                UPDATE audit_log SET position = position - 99 WHERE position > 100;
                INSERT INTO audit_log (id, action, origin, detail, position, seal)
                VALUES (gen_random_uuid(), 'login', 'request', '{}', 4, sha256('x'))
                """, .broken(at: 4)
            ),
            ("DELETE FROM audit_log WHERE position > 8", nil), ("DELETE FROM audit_log", nil),
            (
                """
                UPDATE audit_log SET detail = '{}', position = NULL, seal = NULL WHERE position = 4;
                UPDATE audit_log SET position = NULL, seal = NULL WHERE position > 4
                """, nil
            ),
        ] as [(String, AuditFlaw?)])
    func detectsTampering(script: String, expected: AuditFlaw?) throws {
        let head = try fill()
        #expect(flaw(head) == nil)
        try owner.execute(
            unsafeScript: """
                ALTER TABLE audit_log DISABLE TRIGGER USER, DROP CONSTRAINT audit_log_position_check; \(script);
                ALTER TABLE audit_log ENABLE TRIGGER USER;
                """)
        #expect(flaw() == expected)
        if let expected {
            #expect(flaw(head) == expected)
        } else {
            let count = try owner.query("SELECT count(*) FROM audit_log").only.decode(Int.self)
            #expect(flaw(head) == (count < 10 ? .cut(head) : .rechained(head)))
        }
    }

    /// With the privileges of the application, and with those of the table's owner while the triggers are enabled.
    @Test(
        arguments: [
            "DELETE FROM audit_log", "DELETE FROM audit_log WHERE position IS NULL", "TRUNCATE audit_log",
            "UPDATE audit_log SET action = 'login'", "UPDATE audit_log SET action = 'login' WHERE position IS NULL",
            "UPDATE audit_log SET position = NULL, seal = NULL WHERE position = 10",
            "UPDATE audit_log SET seal = sha256('x') WHERE position = 10",
            "UPDATE audit_log SET position = 11, seal = sha256('x') WHERE position IS NULL",
            "UPDATE audit_log a SET position = 12, seal = audit_seal(a, 12, '') WHERE position IS NULL",
            """
            UPDATE audit_log a SET detail = '{}', position = 11,
                seal = audit_seal(a, 11, (SELECT seal FROM audit_log WHERE position = 10)) WHERE position IS NULL
            """,
            """
            INSERT INTO audit_log (id, action, origin, detail, position, seal)
            VALUES (gen_random_uuid(), 'login', 'request', '{}', 11, sha256('x'))
            """,
        ] as [SQL])
    func rejectsChangesOfTheLog(statement: SQL) throws {
        let head = try fill()
        try application.execute(Self.event(11))
        for connection in [application, owner] {
            let error = #expect(throws: PostgresError.self) { try connection.execute(statement) }
            #expect(error?.kind == .server(.insufficientPrivilege))
        }
        #expect(try AuditLog.verify(against: head, on: application).position == 11)
    }

    @Test(arguments: [
        "", "1", ":", "1:", "-1:", "x:", "0:00", "1:0g", "1:" + String(repeating: "0", count: 63), "1:2:3",
    ])
    func rejectsMalformedHeads(text: String) { #expect(AuditHead(text) == nil) }
}
