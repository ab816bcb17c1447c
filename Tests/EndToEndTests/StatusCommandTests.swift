import Glibc
import HTTP
import JSON
import TestSupport
import Testing

/// `flow-manager status`, which reads the memory of a pool that runs.
@Suite struct StatusCommandTests {
    @Test func showsAPoolOfWhichNoThreadAnswers() throws {
        let stack = try Stack()
        let responders = stack.processes.filter { $0.arguments.contains("respond") }.map(\.id)
        #expect(!responders.isEmpty)
        for id in responders { kill(id, SIGSTOP) }
        defer { for id in responders { kill(id, SIGCONT) } }
        var waiting: [FastCGIClient] = []
        var status = JSON.null
        // Threads that have not stopped yet accept some of them.
        try eventually("a connection waits") {
            waiting.append(try FastCGIClient(path: stack.socket))
            let result = try stack.command(["status", "--json"])
            #expect(result.status == 0, "\(result.output)")
            status = try JSON(parsing: Array(result.output.utf8))
            return (status["listen queue"]?.integerValue ?? 0) > 0
        }
        #expect(status["pool"] == "flow-manager")
        #expect(status["listen queue len"] == 4096)
        let since = try #require(status["start since"]?.integerValue)
        #expect((0...600).contains(since))
        #expect(status["processes"] == nil)
        withExtendedLifetime(waiting) {}
    }

    @Test func printsTextUnlessJSONIsWanted() throws {
        let stack = try Stack.shared.get()
        let text = try stack.command(["status"])
        #expect(text.status == 0)
        #expect(text.output.hasPrefix("pool: "))
        #expect(text.output.contains("\nactive threads: "))
        #expect(!text.output.contains("\npid: "))
    }

    @Test func fullShowsEachThreadOfEachProcess() throws {
        let stack = try Stack.shared.get()
        let ids = Dictionary(grouping: stack.processes) { $0.arguments.dropFirst().first }.mapValues { $0.map(\.id) }
        let (responders, workers) = (try #require(ids["respond"]), try #require(ids["work"]))
        #expect(responders.count == 2 && workers.count == 1)

        let full = try stack.command(["status", "--full"]).output
        let blocks = full.split(separator: String(repeating: "*", count: 24) + "\n").dropFirst()
        func count(_ role: String, _ id: Int32) -> Int {
            blocks.count { block in
                let lines = block.split(separator: "\n").map { $0.filter { $0 != " " } }
                return lines.contains("pid:\(id)") && lines.contains("role:\(role)")
            }
        }
        #expect(blocks.count == 8 + 4)
        for id in responders { #expect(count("responder", id) == 4) }
        for id in workers { #expect(count("worker", id) == 4) }

        let json = try JSON(parsing: Array(stack.command(["status", "--json", "--full"]).output.utf8))
        let processes = try #require(json["processes"]?.arrayValue)
        #expect(Set(processes.map { $0["pid"] }) == Set((responders + workers).map { .integer(Int64($0)) }))
        for process in processes { #expect(process["threads"]?.arrayValue?.count == 4) }
    }

    @Test func theSameIsReadOverHTTPWithoutAProxy() throws {
        let stack = try Stack.shared.get()
        let text = try stack.get("/status")
        #expect(text.status == 200)
        #expect(text.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(text.text.hasPrefix("pool: "))
        let json = try stack.get("/status?json&full")
        #expect(json["pool"] == "flow-manager" && json["processes"] != .null)
        #expect(json["listen queue len"] == 4096)
        #expect(json["total processes"] == 2 && json["total threads"] == 8)
        let threads = json["processes"].arrayValue?.flatMap { $0["threads"]?.arrayValue ?? [] } ?? []
        #expect(threads.contains { $0["state"] == "Running" && $0["route"] == "GET /status" })
        for path in ["/status", "/status/", "/status?json"] {
            expectProblem(try stack.get(path, headers: [("X-Forwarded-For", "127.0.0.1")]), 404, "not_found", path)
        }
    }

    /// Of processes that no supervisor has started, the file in which they count is read.
    @Test func showsAPoolWithoutASupervisor() throws {
        let stack = try Stack.shared.get()
        let folder = stack.folder + "/alone"
        let settings = ["STATE_DIR": folder, "SOCKET": folder + "/none.sock"]
        #expect(try stack.command(["work", "--once"], settings: settings).status == 0)
        let result = try stack.command(["status"], settings: settings)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("no supervisor: this is what \(folder)/memory-"))
        #expect(result.output.contains("pool:                  flow-manager\n"))
        #expect(result.output.contains("\nstart time:            -\n"))
    }

    @Test func failsWithoutAPool() throws {
        let stack = try Stack.shared.get()
        let missing = try stack.command(
            ["status"], settings: ["SOCKET": stack.folder + "/none.sock", "STATE_DIR": "/none"])
        #expect(missing.status == 1)
        #expect(missing.output == "flow-manager status: no pool listens on \(stack.folder)/none.sock\n")
        let unknown = try stack.command(["status", "all"])
        #expect(unknown.status == 2)
        #expect(unknown.output.contains("usage: flow-manager status [--full] [--json]"))
    }
}
