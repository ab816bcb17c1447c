import Glibc
import HTTP
import JSON
import System
import TestSupport
import Testing

/// The tutorial of `docs/flows.md`, on a server of its own.
@Suite(.timeLimit(.minutes(3))) struct FlowsPageTests {
    private static let path = "docs/flows.md"

    /// A block of the page: the text before it, its language and its lines.
    private struct Block {
        let introduction: String
        let language: String
        let text: String
    }

    private static func blocks() throws -> [Block] {
        let parts = try sourceText(path).split(separator: "```", omittingEmptySubsequences: false)
        return stride(from: 1, to: parts.count, by: 2).map { index in
            let lines = parts[index].split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            return Block(
                introduction: String(parts[index - 1]), language: String(lines[0]), text: String(lines.last ?? ""))
        }
    }

    /// Everything in one shell, in order. A JSON block is the file that is named last above it. What a comment quotes
    /// is in the output.
    @Test func everyBlockWorks() throws {
        let stack = try Stack(settings: ["HTTP_ALLOW_ADDRESSES": "127.0.0.1"])
        let service = try LoopbackListener().port
        let folder = stack.folder + "/page"
        try run("/bin/mkdir", [folder], [:])
        var script = "set -eo pipefail\ncd '\(folder)'\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nexec >output\n"
        var quoted: [String] = []
        for block in try Self.blocks() {
            if block.language == "json" {
                let name = try #require(block.introduction.matches(of: #/`([a-z]+\.json)`/#).last?.output.1)
                let descriptor = try Files.openToAppend("\(folder)/\(name)")
                let text = block.text.replacing(":8090/", with: ":\(service)/")
                #expect((try? JSON(parsing: Array(text.utf8))) != nil, "\(name)")
                Files.write(Array(text.utf8), to: descriptor)
                close(descriptor)
            } else {
                #expect(block.language == "bash")
                script += block.text.replacing(":8080", with: ":\(stack.client.port)")
                    .replacing(" 8090 ", with: " \(service) ")
                quoted += block.text.split(separator: "\n").flatMap { Self.quotes(in: $0) }
            }
        }
        try run("/bin/bash", ["-c", script], Environment.current.filter { $0.key == "PATH" })
        let output = String(decoding: try Files.read("\(folder)/output"), as: UTF8.self)
        #expect(quoted.count > 5)
        for quote in quoted { #expect(output.contains(quote), "\(quote)\n\(output)") }
        #expect(output.split(separator: "}422\n").count == 3, "two calls are refused")
        for name in ["/flow/tasks/0/input/task", "/flow/tasks/1/input/arguments/0", "/flow/tasks/1/input/arguments/1"] {
            #expect(output.contains(#""pointer":"\#(name)""#), "\(name)")
        }
        let token = try stack.token("you@example.net", "lasting impression")
        let runs = try stack.get("/api/workflows/order/executions?status=completed&limit=100", token: token)
        #expect(runs["items"].arrayValue?.count == 7)
        for (number, total) in [("A-2", 36), ("A-4", 108), ("B-1", 6), ("B-5", 6)] {
            let document = try stack.get("/api/data/order-\(number)", token: token)
            #expect(document["value"]["total"] == JSON(total) && document["value"]["days"] == 3, "\(document.text)")
        }
    }

    /// The pieces of JSON that the comment at the end of a command quotes.
    private static func quotes(in line: Substring) -> [String] {
        guard let comment = line.firstRange(of: "     # ") else { return [] }
        return line[comment.upperBound...].split(separator: "…").map { String($0).trimmed }
            .filter { $0.contains("\"") }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "," }.reversed().drop { $0 == " " || $0 == "," }.reversed())
    }
}
