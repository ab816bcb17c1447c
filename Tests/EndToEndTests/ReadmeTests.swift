import Glibc
import Process
import TestSupport
import Testing

/// The shell lines of the README, pasted in their order into one shell.
@Suite struct ReadmeTests {
    /// A database of its own: the lines create an account and an admin.
    let stack: Stack

    init() throws { stack = try Stack() }

    @Test func itsLinesWorkInOrder() throws {
        let blocks = try Readme.codeBlocks("sh").filter { !$0.hasPrefix("make run") }
        #expect(blocks.count >= 5)
        // A status that is no success fails the line, and so all of them.
        let lines = blocks.joined(separator: "\n").replacing("curl -s ", with: "curl -sf ")
        let script = "set -eo pipefail\n" + lines.replacing(":8080", with: ":\(stack.client.port)")
        let output = stack.folder + "/readme.txt"
        let folder = Stack.executable.prefix(upTo: Stack.executable.lastIndex(of: "/") ?? Stack.executable.endIndex)
        var environment = stack.environment
        environment["PATH"] = "\(folder):\(environment["PATH"] ?? "/usr/bin:/bin")"
        try run("/bin/bash", ["-c", "exec >\"$0\"\n\(script)", output], environment)
        let answers = String(decoding: try Files.read(output), as: UTF8.self)
        #expect(answers.contains(#""message":"Task completed successfully!""#))
        #expect(answers.contains(#""status":"completed""#), "the workflow has ended")
        #expect(answers.contains(#""key":"fm_"#))
        #expect(answers.contains(#""result":0.125"#))
        #expect(try stack.token("admin@example.org", "an unusual password").isEmpty == false)
    }
}
