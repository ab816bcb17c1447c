import Postgres
import System
import TestSupport
import Testing

/// The command `flow-manager ledger`.
@Suite struct LedgerCommandTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase.make() }

    private func ledger(_ arguments: [String]) throws -> CommandResult {
        var environment = Environment.current
        environment["DATABASE_URL"] = database.application.connectionString
        return try Stack.command(["ledger"] + arguments, environment: environment)
    }

    @Test func verifyReportsAWrongBalance() throws {
        let sound = try ledger(["verify"])
        #expect(sound.status == 0)
        #expect(sound.output == "0 entries of 0 users add up: issued 0, available 0, held 0, revenue 0\n")
        let user = "00000000-0000-7000-8000-000000000001"
        try database.connect().execute("INSERT INTO users (id) VALUES (\(user))")
        try database.connectAsApplication().execute(
            "INSERT INTO credits (user_id, balance, entries) VALUES (\(user), 1000, 0)")
        let forged = try ledger(["verify"])
        #expect(forged.status == 1)
        #expect(
            forged.output == """
                flow-manager ledger: user \(user): credits are 1000 and 0 held after 0 entries, where the ledger has \
                0 and 0 after 0

                """)
    }

    @Test(arguments: [[], ["check"], ["verify", "all"], ["verify", "--all"]])
    func invalidArgumentsPrintTheUsage(arguments: [String]) throws {
        let answer = try ledger(arguments)
        #expect(answer.status == 2)
        #expect(answer.output == "flow-manager ledger: usage: flow-manager ledger verify\n")
    }
}
