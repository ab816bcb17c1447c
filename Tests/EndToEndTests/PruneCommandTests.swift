import JSON
import Postgres
import TestSupport
import Testing

/// `flow-manager prune`, while the program serves.
@Suite struct PruneCommandTests {
    @Test func deletesOnlyExpiredRows() throws {
        // A separate stack, so that the expired rows are known.
        let stack = try Stack()
        let user = try stack.makeUser()
        let old = try stack.token(user.email, user.password)
        let session = try Forgery(of: old).payload["sid"]?.stringValue
        try stack.database.connect().execute(
            "UPDATE sessions SET ended_at = now() - interval '2 days' WHERE id = \(optional: session)")
        let result = try stack.command(["prune"])
        #expect(result.status == 0)
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.count > 5 && lines.allSatisfy { $0.count == 2 })
        #expect(lines.first { $0[0] == "sessions" }?[1] == "1", "\(result.output)")
        #expect(lines.count { $0[1] != "0" } == 1, "\(result.output)")
        expectChallenge(try stack.get("/me", token: old), "token_invalid")
        #expect(try stack.get("/me", token: user.token).status == 200)
        #expect(!(try stack.command(["prune"])).output.contains(" 1\n"))
    }
}
