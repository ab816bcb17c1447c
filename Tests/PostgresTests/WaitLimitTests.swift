import Foundation
import Synchronization
import System
import TestSupport
import Testing

@testable import Postgres

/// What is refused while other threads wait for the database, by a clock of the test.
@Suite struct WaitLimitTests {
    private let statement: SQL = "SELECT 1"
    private let start = Monotonic(sinceBoot: .seconds(100))

    private func isAdmitted(_ limit: WaitLimit, _ batch: [SQL], after seconds: Double) -> Bool {
        (try? limit.admit(batch, at: start + .seconds(seconds))) != nil
    }

    @Test func oneThreadHasNoLongWait() {
        let limit = WaitLimit(threads: 4)
        for number in 0..<3 {
            #expect(limit.mayContinue(statement, at: start), "\(number)")
            #expect(limit.begin(statement, at: start), "\(number)")
        }
        #expect(!limit.mayContinue("SELECT 2", at: start))
        #expect(!limit.begin("SELECT 3", at: start))
        limit.end(statement, hasTimedOut: false, at: start)
        #expect(limit.begin("SELECT 3", at: start))
    }

    @Test func aStatementIsClosedByTwoFailuresAndOpenedByASuccess() {
        let events = Mutex<[PostgresEvent]>([])
        let limit = WaitLimit(threads: 2) { event in events.withLock { $0.append(event) } }
        #expect(limit.begin(statement, at: start))
        #expect(!limit.mayContinue(statement, at: start))
        #expect(isAdmitted(limit, [statement], after: 0))
        limit.end(statement, hasTimedOut: true, at: start)
        // The first attempt is due at once.
        #expect(isAdmitted(limit, ["SELECT 2", statement], after: 0))
        #expect(!isAdmitted(limit, ["SELECT 2", statement], after: 0.5))
        #expect(isAdmitted(limit, ["SELECT 2"], after: 0.5))
        #expect(isAdmitted(limit, [statement], after: 1))
        #expect(!isAdmitted(limit, [statement], after: 1.5))
        limit.succeed([statement], at: start + .seconds(2))
        for _ in 0..<3 { #expect(isAdmitted(limit, [statement], after: 2)) }
        #expect(events.withLock { $0 } == [.waitsRefused(statement: "SELECT 1"), .waitsAccepted])
    }

    /// A client that waits for its own locked rows cannot close a statement that others execute.
    @Test func nothingIsClosedWhileOthersSucceed() {
        let limit = WaitLimit(threads: 4)
        for _ in 0..<5 {
            #expect(limit.begin(statement, at: start))
            limit.succeed([statement], at: start)
            limit.end(statement, hasTimedOut: true, at: start)
        }
        #expect(isAdmitted(limit, [statement], after: 0) && isAdmitted(limit, [statement], after: 0))
    }

    /// A client that makes its own executions wait cannot close a statement for others.
    @Test func theFailuresOfOneCallerCloseAStatementForThatCaller() {
        func isAdmitted(_ limit: WaitLimit, for caller: String?, after seconds: Double) -> Bool {
            (try? limit.admit([statement], for: caller, at: start + .seconds(seconds))) != nil
        }
        let limit = WaitLimit(threads: 4)
        for _ in 0..<5 {
            #expect(limit.begin(statement, for: "one", at: start))
            limit.end(statement, for: "one", hasTimedOut: true, at: start)
        }
        #expect(!isAdmitted(limit, for: "one", after: 0.5))
        for _ in 0..<3 { #expect(isAdmitted(limit, for: "another", after: 0.5)) }
        #expect(isAdmitted(limit, for: nil, after: 0.5))
        // An execution of another caller fails too: the table is locked.
        #expect(limit.begin(statement, for: "another", at: start))
        limit.end(statement, for: "another", hasTimedOut: true, at: start)
        for caller in ["one", "another", "third", nil] { #expect(!isAdmitted(limit, for: caller, after: 0.5)) }
        limit.succeed([statement], at: start)
        for caller in ["one", "another"] { #expect(isAdmitted(limit, for: caller, after: 0.5)) }
    }

    @Test func oneCallerLeavesALongWaitToOthers() {
        let limit = WaitLimit(threads: 4)
        for isLong in [true, true, false] { #expect(limit.begin(statement, for: "one", at: start) == isLong) }
        #expect(limit.begin(statement, for: "other", at: start))
        #expect(!limit.begin(statement, for: "third", at: start))
        limit.end(statement, for: "other", hasTimedOut: false, at: start)
        limit.end(statement, for: "one", hasTimedOut: false, at: start)
        #expect(limit.begin(statement, for: "one", at: start))
    }

    /// While all threads but one wait, all closed statements together get one attempt a second.
    @Test func attemptsLeaveTheLastThreadFree() {
        let limit = WaitLimit(threads: 2)
        let others: [SQL] = ["SELECT 2", "SELECT 3"]
        #expect(limit.begin(statement, at: start))
        for sql in others + others { #expect(!limit.mayContinue(sql, at: start)) }
        #expect(isAdmitted(limit, [others[0]], after: 0))
        #expect(!isAdmitted(limit, [others[1]], after: 0.5))
        #expect(isAdmitted(limit, [others[1]], after: 1))
    }
}

/// The same with real sessions and a table that is locked.
@Suite struct LockedTableTests {
    let database: TestDatabase
    let configuration: PostgresConfiguration

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        try database.connect().execute("CREATE TABLE things (id int)")
        var limited = database.owner
        limited.waitLimit = WaitLimit(threads: 2)
        configuration = limited
    }

    @Test func statementsOnALockedTableAreRefusedAndOthersExecuted() throws {
        let (insert, configuration) = ("INSERT INTO things VALUES (1)" as SQL, configuration)
        let held = try HeldRows("LOCK TABLE things", in: database)
        let hasWaited = DispatchGroup()
        hasWaited.enter()
        Thread.detachNewThread {
            _ = try? Connection(configuration).execute(insert)
            hasWaited.leave()
        }
        try held.waitUntilWanted()
        let connection = Connection(configuration)
        try connection.execute("SELECT 1")
        var kinds: [PostgresError.Kind] = []
        while kinds.last != .waitRefused, kinds.count < 100 {
            do { try connection.execute(insert) } catch { kinds.append(error.kind) }
            #expect(try connection.query("SELECT 1").count == 1)
        }
        #expect(kinds.contains(.timedOut) && kinds.last == .waitRefused)
        held.release()
        hasWaited.wait()
        #expect(try connection.execute(insert) == 1)
    }

    /// The server cuts off statements that are slow themselves.
    @Test func slowStatementsAreNotRefused() throws {
        var slow = configuration
        slow.statementTimeout = .milliseconds(400)
        let connection = Connection(slow)
        for _ in 0..<4 {
            #expect(failure(of: "SELECT pg_sleep(5)", on: connection)?.sqlState == .queryCanceled)
        }
        var quick = configuration
        quick.lockTimeout = .milliseconds(400)
        let held = try HeldRows("LOCK TABLE things", in: database)
        let other = Connection(quick)
        let insert: SQL = "INSERT INTO things VALUES (1)"
        for _ in 0..<3 { #expect(failure(of: insert, on: other)?.sqlState == .lockNotAvailable) }
        #expect(failure(of: insert, on: other)?.kind == .waitRefused)
        held.release()
    }

    private func failure(of statement: SQL, on connection: Connection) -> PostgresError? {
        do { try connection.execute(statement) } catch { return error }
        return nil
    }

    /// A server that does not answer new connections occupies one thread, not both.
    @Test func connectionsThatAreNotOpenedAreRefused() throws {
        var direct = database.owner
        direct["connect_timeout"] = "5"
        let proxy = try Proxy(to: direct, fault: .neverAccepts)
        defer { proxy.stop() }
        var silent = proxy.configuration
        silent.waitLimit = WaitLimit(threads: 2)
        let configuration = silent
        let hasWaited = DispatchGroup()
        hasWaited.enter()
        Thread.detachNewThread {
            _ = try? Connection(configuration).execute("SELECT 1")
            hasWaited.leave()
        }
        var kinds: Set<PostgresError.Kind> = []
        for _ in 0..<1_000 where !kinds.contains(.waitRefused) {
            do { try Connection(configuration).execute("SELECT 1") } catch { kinds.insert(error.kind) }
        }
        #expect(kinds.contains(.waitRefused))
        hasWaited.wait()
    }
}
