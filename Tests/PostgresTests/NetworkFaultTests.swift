import Postgres
import TestSupport
import Testing

/// Network faults between client and server, injected by a proxy.
@Suite struct NetworkFaultTests {
    let database: TestDatabase

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        try database.connect().execute("CREATE TABLE things (id int PRIMARY KEY)")
    }

    private func proxy(_ fault: Proxy.Fault? = nil, answerTimeout: Duration = .seconds(90)) throws -> Proxy {
        var configuration = database.owner
        configuration.answerTimeout = answerTimeout
        configuration["connect_timeout"] = "2"
        return try Proxy(to: configuration, fault: fault)
    }

    @Test(arguments: [Proxy.Fault.cutAfterCommit, .silentAfterCommit, .poolerFailsAfterCommit], [true, false])
    func lostResponseToCommitIsReportedAsUnknown(fault: Proxy.Fault, pipelined: Bool) throws {
        let proxy = try proxy(fault, answerTimeout: .seconds(1))
        defer { proxy.stop() }
        let connection = Connection(proxy.configuration)
        try connection.execute("SELECT 1")
        try connection.begin()
        if !pipelined { try connection.execute("SELECT 1") }
        let error = #expect(throws: PostgresError.self) {
            try connection.commit(after: ["INSERT INTO things VALUES (1) /* Proxy: COMMIT */"])
        }
        #expect(error?.kind == .commitUnknown)
        proxy.set(nil)
        // The client can check whether the transaction was committed. Here it was.
        while try connection.query("SELECT id FROM things").isEmpty {}
    }

    @Test func blackHoleIsATimeout() throws {
        let proxy = try proxy(answerTimeout: .milliseconds(500))
        defer { proxy.stop() }
        let connection = Connection(proxy.configuration)
        try connection.execute("SELECT 1")
        proxy.set(.blackHole)
        let large = String(repeating: "x", count: 20_000_000)
        for statement in ["SELECT 2", "SELECT length(\(large))"] as [SQL] {
            let error = #expect(throws: PostgresError.self) { try connection.execute(statement) }
            #expect(error?.kind == .timedOut)
            proxy.set(nil)
            #expect(try connection.execute("SELECT 1") == 1)
            proxy.set(.blackHole)
        }
    }

    /// Whatever the limits of the connection are, and without an effect on other connections.
    @Test func aCallerCanLimitItsWaits() throws {
        let proxy = try proxy()
        defer { proxy.stop() }
        let events = Recording<PostgresEvent>()
        var configuration = proxy.configuration
        configuration["connect_timeout"] = "60"
        configuration.waitLimit = WaitLimit(threads: 4) { events.add($0) }
        let connection = Connection(configuration)
        try connection.limitingWaits(to: .seconds(1)) { _ = try connection.execute("SELECT 1") }
        proxy.set(.blackHole)
        let new = (0..<2).map { _ in Connection(configuration) }
        let duration = ContinuousClock().measure {
            for (connection, kind) in [
                (connection, .timedOut), (new[0], .connectionUnavailable), (new[1], .connectionUnavailable),
            ] as [(Connection, PostgresError.Kind)] {
                let error = #expect(throws: PostgresError.self) {
                    try connection.limitingWaits(to: .milliseconds(500)) { _ = try connection.execute("SELECT 2") }
                }
                #expect(error?.kind == kind)
            }
        }
        #expect(duration < .seconds(10))
        #expect(!events.all.contains { if case .waitsRefused = $0 { true } else { false } })
        proxy.set(nil)
        #expect(try Connection(configuration).execute("SELECT 1") == 1)
    }

    @Test(arguments: [Proxy.Fault.blackHole, .neverAccepts])
    func silenceWhileConnectingIsLimited(fault: Proxy.Fault) throws {
        let proxy = try proxy(fault)
        defer { proxy.stop() }
        let connection = Connection(proxy.configuration)
        let duration = ContinuousClock().measure {
            let error = #expect(throws: PostgresError.self) { try connection.execute("SELECT 1") }
            #expect(error?.kind == .connectionUnavailable)
        }
        #expect(duration < .seconds(30))
    }
}
