import Glibc
import System
import TestSupport
import Testing

/// The shell commands of the README, pasted in order into one shell.
@Suite struct ReadmeTests {
    /// A separate stack: the commands create an account and an admin.
    let stack: Stack

    init() throws { stack = try Stack() }

    @Test func shellCommandsWorkInOrder() throws {
        let blocks = try Readme.codeBlocks("sh").filter { !$0.hasPrefix("make run") }
        #expect(blocks.count >= 5)
        // An unsuccessful HTTP status fails the command, and with it the script.
        let lines = blocks.joined(separator: "\n").replacing("curl -s ", with: "curl -sf ")
        let script = "set -eo pipefail\n" + lines.replacing(":8080", with: ":\(stack.client.port)")
        let output = stack.folder + "/readme.txt"
        try run("/bin/bash", ["-c", "cd \"$1\"\nexec >\"$0\"\n\(script)", output, Stack.root], try readerEnvironment())
        let answers = String(decoding: try Files.read(output), as: UTF8.self)
        #expect(answers.contains(#""message":"Task completed successfully!""#))
        #expect(answers.contains(#""status":"completed""#), "the workflow has ended")
        #expect(answers.contains(#""name":"input","value":[3,5,8,13]"#))
        #expect(answers.contains(#""flow_name":"Each","status":"completed""#), "the workflow has run for each item")
        #expect(answers.contains(#""key":"fm_"#))
        #expect(answers.contains(#""result":0.125"#))
        #expect(answers.contains(#"["saw"]"#))
        #expect(try stack.token("admin@example.org", "an unusual password").isEmpty == false)
    }

    /// The environment of a shell beside the one that runs `make run`: the state folder and no settings.
    private func readerEnvironment() throws -> [String: String] {
        let settings = stack.environment.filter {
            $0.key.wholeMatch(of: #/(JWT|SEALING|DATABASE|DB|FLOW|CONFIG)_.*/#) != nil
        }
        let descriptor = try Files.openToAppend(stack.folder + "/flow-manager.env")
        Files.write(Array(settings.map { "\($0)=\($1)\n" }.joined().utf8), to: descriptor)
        close(descriptor)
        try run("/bin/mkdir", [stack.folder + "/bin"], [:])
        // As `make run` does: the executable finds the settings beside it.
        try run("/bin/cp", [Stack.executable, stack.folder + "/bin/flow-manager"], [:])
        try run("/bin/ln", ["-s", "../flow-manager.env", stack.folder + "/bin/flow-manager.env"], [:])
        var environment = Environment.current.filter { $0.key == "PATH" }
        environment["RUN_DIR"] = stack.folder
        return environment
    }
}
