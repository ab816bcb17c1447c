import Glibc
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

/// Notifications of the ends of runs by real workers, and hooks behind nginx.
@Suite(.timeLimit(.minutes(3))) struct NotificationTests {
    /// The worker is killed while the receiver answers: the next one sends the same id again.
    @Test func aKilledWorkerRepeatsTheNotificationWithItsID() throws {
        let stack = try Stack(settings: ["HTTP_ALLOW_ADDRESSES": "127.0.0.1", "WORKERS": "1"])
        let caller = try RunCaller(stack)
        let worker = try #require(stack.processes.first { $0.arguments.contains("work") })
        let server = try LoopbackServer { _ in
            kill(worker.id, 0) == 0 && kill(worker.id, SIGKILL) == 0
                ? .trickle("HTTP/1.1 200 OK\r\nX: ") : .ok("thanks")
        }
        let workflow = try caller.keep(
            .flow([.task("a", "pass")]), ["on_end": ["url": .string("\(server.url)/ends")]])
        _ = try caller.end(caller.start(workflow))
        try eventually("the attempt of the killed worker") { server.requests.count == 1 }
        // Its lease ends after half a minute.
        try stack.database.connect().execute("UPDATE end_notifications SET due_at = now() WHERE state = 'pending'")
        var delivery = JSON.null
        try eventually("the delivery") {
            delivery = try caller.get("/api/workflows/\(workflow)/deliveries")["items"].arrayValue?.first ?? .null
            return delivery["state"] == "delivered"
        }
        #expect(delivery["attempts"] == 2 && delivery["last_answer"] == "thanks", "\(delivery.text)")
        #expect(Set(server.requests.map { $0.fields["webhook-id"] }) == [delivery["id"]?.stringValue])
        let metrics = try stack.get("/metrics").text
        #expect(metrics.contains("flow_manager_notifications_total{outcome=\"delivered\"} 1"))
    }

    /// One workflow starts another one by its `on_end` and a hook; no log has the token of the hook.
    @Test func aNotificationStartsARun() throws {
        let stack = try Stack(settings: ["HTTP_ALLOW_ADDRESSES": "127.0.0.1"])
        let caller = try RunCaller(stack)
        let second = try caller.keep(
            .flow([.task("a", "data.store", ["name": "seen", "value": "{{ $.input.body.execution.id }}"])]))
        let open = try caller.post("/api/workflows/\(second)/hooks")
        let token = try #require(open["token"].stringValue)
        #expect(open["url"].stringValue?.hasSuffix("/hooks/\(token)") == true, "\(open.text)")
        let target = "http://127.0.0.1:\(stack.client.port)/hooks/\(token)"
        let first = try caller.keep(.flow([.task("a", "pass")]), ["on_end": ["url": .string(target)]])
        let run = try caller.start(first)
        try eventually("the run that the notification starts") {
            try caller.get("/api/data/seen")["value"] == .string(run)
        }
        let runs = try caller.get("/api/workflows/\(second)/executions")["items"]
        #expect(runs.arrayValue?.count == 1)
        let wrong = try stack.post("/hooks/\(token)x", [:])
        #expect(wrong.status == 404)
        let logs = try stack.completeLogs()
        #expect(!logs.contains(token) && logs.contains("/hooks/"))
    }
}

/// The commands of `docs/webhooks.md`, in one shell and in order. What a comment quotes is in the output.
@Suite(.timeLimit(.minutes(3))) struct WebhooksPageTests {
    @Test func everyCommandWorks() throws {
        let stack = try Stack.shared.get()
        let user = try stack.makeUser()
        let parts = try sourceText("docs/webhooks.md").split(separator: "```", omittingEmptySubsequences: false)
        let blocks = stride(from: 1, to: parts.count, by: 2).map { parts[$0] }
        for block in blocks where block.hasPrefix("json") {
            #expect((try? JSON(parsing: Array(block.dropFirst(4).utf8))) != nil, "\(block)")
        }
        let commands = blocks.filter { $0.hasPrefix("bash") }.map { $0.dropFirst(4) }.joined(separator: "\n")
        let output = stack.folder + "/webhooks.output"
        let script = "set -eo pipefail\nexec >\(output)\n" + commands.replacing(":8080", with: ":\(stack.client.port)")
        let path = Environment.current.filter { $0.key == "PATH" }
        try run("/bin/bash", ["-c", script], path.merging(["TOKEN": user.token]) { $1 })
        let text = String(decoding: try Files.read(output), as: UTF8.self)
        let quotes = commands.matches(of: #/ {4}# (".*)$/#.anchorsMatchLineEndings()).map { String($0.output.1) }
        #expect(quotes.count == 3)
        for quote in quotes { #expect(text.contains(quote), "\(quote)\n\(text)") }
    }
}
