import Flows
import Postgres
import TestSupport
import Testing

@testable import App

/// Verification of a ledger, intact and after forgeries.
@Suite struct LedgerVerificationTests {
    private static let users = ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"]
    let database: TestDatabase
    let application: Connection

    init() throws {
        database = try TestDatabase.make()
        application = database.connectAsApplication()
        for (index, user) in Self.users.enumerated() {
            try application.execute(
                "INSERT INTO users (id, username, password_hash) VALUES (\(user), \("user\(index)"), '-')")
        }
    }

    private func fill() throws {
        for user in Self.users {
            let statements = [
                Ledger.grant(20, to: user), Ledger.charge(5, of: user, execution: nil),
                Ledger.hold(8, of: user, execution: nil), Ledger.settle(3, of: user, execution: nil),
                Ledger.release(4, of: user, execution: nil),
            ]
            for statement in statements { try application.execute(statement) }
        }
    }

    @Test func anIntactLedgerAddsUp() throws {
        #expect(
            try Ledger.verify(on: application).description
                == "0 entries of 0 users add up: issued 0, available 0, held 0, revenue 0")
        try fill()
        #expect(
            try Ledger.verify(on: application).description
                == "10 entries of 2 users add up: issued -40, available 22, held 2, revenue 16")
    }

    /// A change by a role with full access to the tables, and the beginning of the reported flaw.
    @Test(
        arguments: [
            ("UPDATE ledger SET amount = 6 WHERE seq = 2", "after entry 2 there are 15 and 0 held, where its"),
            ("UPDATE ledger SET balance = 16 WHERE seq = 2", "after entry 2 there are 16 and 0 held, where its"),
            ("UPDATE ledger SET held = 0 WHERE seq = 5", "after entry 5 there are 11 and 0 held, where its"),
            ("DELETE FROM ledger WHERE seq = 2", "entry 2 is missing"),
            ("DELETE FROM ledger WHERE seq = 5", "credits are 11 and 1 held after 5 entries, where the ledger has 7"),
            ("DELETE FROM ledger", "credits are 11 and 1 held after 5 entries, where the ledger has 0 and 0"),
            ("UPDATE ledger SET seq = 7 WHERE seq = 5", "entry 5 is missing"),
            ("UPDATE ledger SET debit = 'held', credit = 'available' WHERE seq = 1", "after entry 1 there are 20"),
            (
                """
                INSERT INTO ledger (user_id, seq, debit, credit, amount, balance, held)
                SELECT user_id, 6, 'issued', 'available', 5, 16, 1 FROM credits
                """, "credits are 11 and 1 held after 5 entries, where the ledger has 16 and 1 after 6"
            ),
            ("UPDATE credits SET balance = 100", "credits are 100 and 1 held after 5 entries, where the ledger has 11"),
            ("UPDATE credits SET held = 0", "credits are 11 and 0 held after 5 entries, where the ledger has 11 and 1"),
            ("UPDATE credits SET entries = 4", "credits are 11 and 1 held after 4 entries, where"),
            ("DELETE FROM credits", "credits are 0 and 0 held after 0 entries, where the ledger has 11 and 1 after 5"),
        ])
    func forgeriesAreReported(script: String, expected: String) throws {
        try fill()
        try forge(script)
        let error = #expect(throws: LedgerFlaws.self) { try Ledger.verify(on: application) }
        for user in Self.users {
            let ofUser = error?.flaws.filter { $0.hasPrefix("user \(user): ") } ?? []
            #expect(ofUser.contains { $0.hasPrefix("user \(user): \(expected)") }, "\(ofUser)")
        }
    }

    @Test func anImbalanceOfAllAccountsIsReported() throws {
        try fill()
        try forge("UPDATE ledger SET debit = 'nowhere' WHERE seq = 1")
        let error = #expect(throws: LedgerFlaws.self) { try Ledger.verify(on: application) }
        #expect(error?.description == "all accounts together make 40, not 0")
    }

    private func forge(_ script: String) throws {
        try database.connect().execute(
            unsafeScript: """
                ALTER TABLE ledger DISABLE TRIGGER USER, DROP CONSTRAINT ledger_moves; \(script);
                ALTER TABLE ledger ENABLE TRIGGER USER;
                """)
    }
}
