import App
import Crypto
import Flows
import Postgres
import TestSupport
import Testing
import WorkerPool

@testable import flow_manager

/// The background duties of a worker.
@Suite struct DutiesTests {
    private func duties(
        on connection: Connection, sealing keys: KeyRing? = nil,
        observe: @escaping (ApplicationEvent) -> Void = { _ in }
    ) -> [Duty] {
        Duties.all(
            of: Engine(catalog: Tasks.makeCatalog()), sealing: keys, on: connection, observe: observe)
    }

    /// At the first call after the start, with the number of values that no key of the settings opens.
    @Test func aMissingSealingKeyIsReported() throws {
        let database = try TestDatabase.make()
        let connection = database.connectAsApplication()
        let rings = try (1...3).map { try KeyRing(key: [UInt8](repeating: $0, count: 32)) }
        let user = "00000000-0000-7000-8000-000000000001"
        try connection.execute("INSERT INTO users (id, username) VALUES (\(user), 'ann')")
        for (number, ring) in [0, 0, 1, 1, 1, 2].enumerated() {
            let sealed = rings[ring].seal([1], associated: [])
            try connection.execute(
                """
                INSERT INTO credentials (id, user_id, name, kind, hosts, sealed)
                VALUES (uuid_v7(), \(user), \(String(number)), 'bearer', '{example.org}', \(sealed))
                """)
        }
        try connection.execute(
            "INSERT INTO second_factors (user_id, secret) VALUES (\(user), \(rings[1].seal([1], associated: [])))")
        let found = Recording<MissingSealingKey>()
        let all = duties(on: connection, sealing: rings[0]) { event in
            if case .sealingKeyMissing(let key) = event { found.add(key) }
        }
        let duty = try #require(all.first { $0.name == "sealing-check" })
        #expect(duty.initialDelay == 0...0)
        for _ in 0..<2 {
            while case .unfinished = try duty.body({ _ in }) {}
            let expected = [
                MissingSealingKey(id: rings[1].ids[0], count: 4), MissingSealingKey(id: rings[2].ids[0], count: 1),
            ]
            #expect(found.take() == expected.sorted { $0.id < $1.id })
        }
    }

    /// Small changes are counted within seconds, and what a deleted account had is removed.
    @Test func countersAreFoldedAndAccountsRemoved() throws {
        let database = try TestDatabase.make()
        let connection = database.connectAsApplication()
        let ids = ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"]
        try connection.pipeline(
            ids.map { "INSERT INTO users (id, username) VALUES (\($0), \($0))" } + [
                "INSERT INTO documents (user_id, name, value) SELECT id, 'a', '1' FROM users",
                "INSERT INTO storage_changes (user_id, bytes) SELECT id, 7 FROM users",
                "UPDATE users SET deleted_at = now(), removal_due = now() WHERE id = \(ids[0])",
            ])
        let duties = duties(on: connection)
        for name in ["storage", "remover"] {
            let duty = try #require(duties.first { $0.name == name })
            #expect(duty.interval == .seconds(1))
            guard case .done = try duty.body({ _ in }) else {
                Issue.record("\(name) is not done")
                return
            }
        }
        for table in ["documents", "storage"] as [SQL] {
            let owners = try connection.query("SELECT user_id FROM \(table)").map { try $0.decode(String.self) }
            #expect(owners == [ids[1]])
        }
    }

    @Test func prunerDeletesOneBatchPerCall() throws {
        let database = try TestDatabase.make()
        let connection = database.connectAsApplication()
        try connection.execute(
            """
            INSERT INTO rate_limits (network, name, window_start, calls)
            SELECT '10.0.' || n / 256 || '.' || n % 256, 'login', now() - interval '2 days', 1
            FROM generate_series(1, 2500) AS n
            """)
        func remaining() throws -> Int {
            try connection.query("SELECT count(*) FROM rate_limits").only.decode(Int.self)
        }
        let engine = Engine(catalog: Tasks.makeCatalog())
        let duties = Duties.all(of: engine, sealing: nil, on: connection) { _ in }
        let pruner = try #require(duties.first { $0.name == "pruner" })
        #expect(pruner.interval == .seconds(600))
        var counts: Set<Int> = []
        var calls = 1
        while case .unfinished = try pruner.body({ _ in }) {
            counts.insert(try remaining())
            calls += 1
        }
        #expect(counts == [2_500, 1_500, 500, 0])
        #expect(calls == Pruning.all.count + 2)
        guard case .unfinished = try pruner.body({ _ in }) else {
            Issue.record("the next pass has not started")
            return
        }
    }
}
