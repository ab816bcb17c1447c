import Dispatch
import Flows
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// The statements of the ledger on Postgres, with the privileges of the program.
@Suite struct LedgerTests {
    private let fixture: RunnerFixture
    private let user = RunnerFixture.userID
    private let run = RunnerFixture.executionID

    init() throws { fixture = try RunnerFixture() }

    /// The row in `credits` and the entries in their order.
    private struct Books: Equatable {
        var credits: [[Int64]] = []
        var entries: [String] = []
    }

    private func books() throws -> Books {
        let connection = fixture.database.connect()
        return Books(
            credits: try connection.query("SELECT balance, held, entries FROM credits").map { row in
                let (balance, held, entries) = try row.decode(Int64.self, Int64.self, Int64.self)
                return [balance, held, entries]
            },
            entries: try connection.query(
                "SELECT format('%s %s>%s %s %s %s', seq, debit, credit, amount, balance, held) FROM ledger ORDER BY seq"
            ).map { try $0.decode(String.self) })
    }

    private func refusal(of statement: SQL, on connection: Connection) -> PostgresError? {
        #expect(throws: PostgresError.self) { try connection.execute(statement) }
    }

    @Test func eachStatementMovesCreditsAndAddsAnEntry() throws {
        let statements = [
            Ledger.grant(20, to: user, note: "for a start"), Ledger.charge(5, of: user, execution: run),
            Ledger.hold(10, of: user, execution: run), Ledger.settle(4, of: user, execution: run),
            Ledger.release(6, of: user, execution: run), Ledger.grant(1, to: user),
            Ledger.charge(12, of: user, execution: nil),
        ]
        for statement in statements { #expect(try fixture.connection.execute(statement) == 1) }
        #expect(
            try books()
                == Books(
                    credits: [[0, 0, 7]],
                    entries: [
                        "1 issued>available 20 20 0", "2 available>revenue 5 15 0", "3 available>held 10 5 10",
                        "4 held>revenue 4 5 6", "5 held>available 6 11 0", "6 issued>available 1 12 0",
                        "7 available>revenue 12 0 0",
                    ]))
        let (notes, executions) = try fixture.connection.query(
            "SELECT count(note), count(*) FILTER (WHERE execution_id = \(run)) FROM ledger"
        ).only.decode(Int.self, Int.self)
        #expect(notes == 1 && executions == 4)
    }

    /// The statement fails with a data exception and changes nothing.
    @Test func overflowingCreditsAreRefused() throws {
        let connection = fixture.connection
        try connection.execute(Ledger.grant(.max, to: user))
        #expect(refusal(of: Ledger.grant(1, to: user), on: connection)?.sqlState?.isDataException == true)
        try connection.execute(Ledger.hold(.max, of: user, execution: run))
        try connection.execute(Ledger.grant(.max, to: user))
        let before = try books()
        for amount: Int64 in [1, .max] {
            let refusal = refusal(of: Ledger.hold(amount, of: user, execution: run), on: connection)
            #expect(refusal?.sqlState?.isDataException == true)
        }
        #expect(try books() == before)
    }

    @Test func idsAndTimesFollowTheOrderOfTheEntries() throws {
        for _ in 1...20 { try fixture.connection.execute(Ledger.grant(1, to: user)) }
        let rows = try fixture.connection.query(
            """
            SELECT bool_and(substr(id::text, 15, 1) = '7' AND substr(id::text, 20, 1) IN ('8', '9', 'a', 'b')),
                array_agg(seq ORDER BY created_at, id) = array_agg(seq ORDER BY seq),
                bool_and(abs(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint
                    - extract(epoch FROM created_at) * 1000) <= 1000)
            FROM ledger
            """)
        let (areVersion7, isInOrder, containTheTime) = try rows.only.decode(Bool.self, Bool.self, Bool.self)
        #expect(areVersion7 && isInOrder && containTheTime)
    }

    @Test func missingCreditsCannotBeSpent() throws {
        for statement in [Ledger.charge(1, of: user, execution: run), Ledger.hold(1, of: user, execution: run)] {
            #expect(
                refusal(of: statement, on: fixture.connection)?.isInsufficientCredits == true, "no credits were granted"
            )
        }
        #expect(try books() == Books())
        try fixture.connection.execute(Ledger.grant(5, to: user))
        try fixture.connection.execute(Ledger.hold(3, of: user, execution: run))
        let before = try books()
        for statement in [Ledger.charge(3, of: user, execution: run), Ledger.hold(3, of: user, execution: run)] {
            #expect(refusal(of: statement, on: fixture.connection)?.isInsufficientCredits == true)
        }
        #expect(try books() == before)
    }

    /// These errors are bugs of the program, not insufficient credits.
    @Test func onlyHeldCreditsAreSettled() throws {
        for statement in [Ledger.settle(1, of: user, execution: run), Ledger.release(1, of: user, execution: run)] {
            let error = refusal(of: statement, on: fixture.connection)
            #expect(error?.constraint == "held_credits_suffice" && error?.isInsufficientCredits == false)
        }
        try fixture.connection.execute(Ledger.grant(5, to: user))
        let before = try books()
        for statement in [
            Ledger.settle(1, of: user, execution: run), Ledger.release(1, of: user, execution: run),
            Ledger.charge(0, of: user, execution: run), Ledger.charge(-1, of: user, execution: run),
            Ledger.grant(.max, to: user),
            Ledger.grant(1, to: "00000000-0000-7000-8000-0000000000ff"),
        ] {
            #expect(refusal(of: statement, on: fixture.connection)?.isInsufficientCredits == false)
        }
        #expect(try books() == before)
    }

    /// The statement is sent with COMMIT in one round trip: if it fails, the transaction is rolled back.
    @Test func aRefusalRollsBackTheTransaction() throws {
        try fixture.connection.execute(Ledger.grant(5, to: user))
        try fixture.connection.begin()
        try fixture.connection.execute(RunnerFixture.insertion(of: "a", value: 1))
        let error = #expect(throws: PostgresError.self) {
            try fixture.connection.commit(after: [Ledger.charge(6, of: user, execution: run)])
        }
        #expect(error?.isInsufficientCredits == true)
        #expect(try fixture.committed().documents == [])
        #expect(try books().credits == [[5, 0, 1]])
    }

    /// A charge that is rolled back leaves neither an entry nor a gap in the numbers.
    @Test func aRolledBackChargeLeavesNoEntry() throws {
        try fixture.connection.execute(Ledger.grant(5, to: user))
        try fixture.connection.begin()
        try fixture.connection.execute(Ledger.charge(5, of: user, execution: run))
        fixture.connection.rollback()
        try fixture.connection.execute(Ledger.charge(5, of: user, execution: run))
        #expect(try books().entries == ["1 issued>available 5 5 0", "2 available>revenue 5 0 0"])
    }

    @Test func concurrentChargesDoNotOverdraw() throws {
        try fixture.connection.execute(Ledger.grant(100, to: user))
        let succeeded = Atomic(0)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { [database = fixture.database, user, run] thread in
            let connection = database.connectAsApplication()
            for number in 0..<10 {
                do {
                    if (thread + number).isMultiple(of: 2) {
                        try connection.execute(Ledger.charge(3, of: user, execution: run))
                    } else {
                        try connection.transaction { connection in
                            try connection.execute(Ledger.hold(3, of: user, execution: run))
                            try connection.execute(Ledger.settle(1, of: user, execution: run))
                            try connection.execute(Ledger.settle(2, of: user, execution: run))
                        }
                    }
                    succeeded.add(1, ordering: .relaxed)
                } catch {
                    if (error as? PostgresError)?.isInsufficientCredits == true { continue }
                    failures.withLock { $0.append(String(reflecting: error)) }
                }
            }
        }
        #expect(failures.withLock(\.self) == [])
        #expect(succeeded.load(ordering: .relaxed) == 33)
        let books = try books()
        #expect(books.credits == [[1, 0, Int64(books.entries.count)]])
    }

    /// Neither with the privileges of the program nor with those of the table's owner while the triggers are enabled.
    @Test(
        arguments: [
            "UPDATE ledger SET amount = 1", "DELETE FROM ledger", "TRUNCATE ledger",
            "UPDATE ledger SET note = 'another' WHERE false",
        ] as [SQL])
    func entriesCannotBeChanged(statement: SQL) throws {
        try fixture.connection.execute(Ledger.grant(5, to: user))
        for connection in [fixture.connection, fixture.database.connect()] {
            #expect(refusal(of: statement, on: connection)?.sqlState == .insufficientPrivilege)
        }
        #expect(try books().entries.count == 1)
    }
}
