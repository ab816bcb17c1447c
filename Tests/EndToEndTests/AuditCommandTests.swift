import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

/// The command `flow-manager audit`, and the audit log entries that commands write.
@Suite struct AuditCommandTests {
    let database: TestDatabase
    let owner: Connection

    init() throws {
        database = try TestDatabase.make()
        owner = database.connect()
    }

    /// The output of the command on both streams, with the exit status as the last line.
    private func command(_ arguments: String, input: String = "") throws -> String {
        let output = "/tmp/" + unique("audit-command-")
        defer { try? run("/bin/rm", ["-f", output], [:]) }
        var environment = Environment.current
        environment["DATABASE_URL"] = database.application.connectionString
        environment["PASSWORD_INPUT"] = input
        let script =
            "printf '%s' \"$PASSWORD_INPUT\" | \(Stack.executable) \(arguments) >\(output) 2>&1; echo $? >>\(output)"
        try run("/bin/sh", ["-c", script], environment)
        return String(decoding: try Files.read(output), as: UTF8.self)
    }

    @Test func commandsAreAudited() throws {
        for arguments in ["add Ann", "grant-admin ann", "grant-admin ann", "reset-password ann", "disable ann", "list"]
        {
            #expect(try command("user \(arguments)", input: "long enough").hasSuffix("0\n"))
        }
        #expect(try command("user add ann", input: "long enough").hasSuffix("1\n"))
        let rows = try owner.query(
            """
            SELECT a.action, a.detail FROM audit_log a JOIN users u ON u.id = a.subject
            WHERE a.origin = 'command' AND a.actor IS NULL AND a.address IS NULL AND a.seal IS NOT NULL
            ORDER BY a.position
            """
        ).map { row in
            let (action, detail) = try row.decode(String.self, JSON.self)
            return "\(action) \(detail.text)"
        }
        #expect(
            rows == [
                #"user_made {"role":"client"}"#, #"role_changed {"from":"client","to":"admin"}"#, "password_changed {}",
                "user_disabled {}",
            ])
    }

    @Test func verifyReportsABrokenChain() throws {
        #expect(try command("audit verify") == "0 entries, unbroken; head 0:\n0\n")
        #expect(try command("user add ann", input: "long enough") == "created the user ann\n0\n")
        let first = try command("audit verify")
        let parts = first.split(separator: " ")
        #expect(parts.count == 5 && first.hasPrefix("1 entries, unbroken; head 1:") && first.hasSuffix("\n0\n"))
        let head = try #require(parts.last?.split(separator: "\n").first)
        #expect(try command("user disable ann") == "disabled the user ann\n0\n")
        #expect(try command("audit --head \(head) verify").hasPrefix("2 entries, unbroken; head 2:"))

        try owner.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        try owner.execute("UPDATE audit_log SET subject = NULL WHERE position = 2")
        #expect(try command("audit verify") == "flow-manager audit: the chain is broken at position 2\n1\n")
        try owner.execute("DELETE FROM audit_log")
        #expect(try command("audit verify").hasPrefix("0 entries, unbroken"))
        #expect(
            try command("audit verify --head \(head)")
                == "flow-manager audit: the chain ends before position 1, which it has had\n1\n")
    }

    @Test(arguments: ["", "check", "verify --head", "verify --head 1", "verify --head 1:00", "verify --all"])
    func invalidArgumentsPrintTheUsage(arguments: String) throws {
        let usage = "flow-manager audit: usage: flow-manager audit verify [--head POSITION:HEX]\n2\n"
        #expect(try command("audit \(arguments)") == usage)
    }
}
