import Glibc
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

/// Events of runs through nginx, from real responders and workers.
@Suite(.serialized) struct EventTests {
    private let stack: Stack
    private let user: TestUser

    init() throws {
        stack = try Stack()
        user = try stack.makeUser()
    }

    private func client(_ target: String, token: String? = nil) -> EventClient {
        EventClient(stack, target, token: token ?? user.token)
    }

    private func start(_ flow: JSON) throws -> String {
        let answer = try stack.post(
            "/flow-manager", ["flow": flow["flow"] ?? flow], token: user.token, headers: [("Prefer", "respond-async")])
        #expect(answer.status == 202, "\(answer.text)")
        return try #require(answer["execution_id"].stringValue ?? answer["id"].stringValue)
    }

    /// The states that a run was told to have, and those of its steps.
    private func words(_ client: EventClient) throws -> [String] {
        try client.events.map { event in
            let data = try JSON(parsing: Array(event.data.utf8))
            let status = data["status"]?.stringValue ?? "?"
            return data["number"]?.integerValue.map { "\($0) \(status)" } ?? status
        }
    }

    private static let chain = JSON.chain([.task("a", "pass"), .task("b", "approval"), .task("c", "pass")])

    @Test func aRunIsWatchedFromItsStartToItsEnd() throws {
        let run = try start(Self.chain)
        let client = client("/api/executions/\(run)/events")
        try client.connect()
        try client.follow { try words($0).last == "waiting" }
        #expect(client.status == "200")
        #expect(client.head.lowercased().contains("content-type: text/event-stream"))
        #expect(client.head.contains("no-transform"))
        try stack.signal(run, of: user)
        try client.follow { !$0.isConnected }
        #expect(client.isComplete && client.connections == 1)
        let told = try words(client)
        #expect(told.suffix(3) == ["2 success", "3 success", "completed"], "\(told)")
        #expect(Set(client.events.map(\.id)).count == client.events.count)
        // EventSource stops connecting again.
        try client.connect()
        while client.read() {}
        #expect(client.status == "204")
        let page = try stack.get(
            "/api/executions/\(run)/events?after=\(client.lastID ?? "")", token: user.token,
            headers: [("Prefer", "wait=20")])
        #expect(page.status == 200 && page["items"] == [] && page["next_cursor"] == JSON(client.lastID))
    }

    /// The same by pages, each of which continues where the one before ended.
    @Test func longPollGivesTheSameEvents() throws {
        let run = try start(Self.chain)
        _ = try stack.waiting(1, of: user)
        var (cursor, told): (String?, [String]) = (nil, [])
        while told.last != "completed" {
            let query = cursor.map { "?after=\($0)" } ?? ""
            let page = try stack.get(
                "/api/executions/\(run)/events\(query)", token: user.token, headers: [("Prefer", "wait=20")])
            #expect(page.status == 200 && page.headers["preference-applied"] == "wait=20")
            for item in page["items"].arrayValue ?? [] {
                let status = item["data"]?["status"]?.stringValue ?? "?"
                told.append(item["data"]?["number"]?.integerValue.map { "\($0) \(status)" } ?? status)
            }
            if cursor == nil { try stack.signal(run, of: user) }
            cursor = page["next_cursor"].stringValue
        }
        #expect(told.prefix(3) == ["1 success", "2 waiting", "waiting"])
        #expect(told.suffix(3) == ["2 success", "3 success", "completed"])
    }

    @Test func aPageWithoutEventsIsAnsweredAtItsDeadline() throws {
        let first = try stack.get("/api/events", token: user.token)
        let cursor = try #require(first["next_cursor"].stringValue)
        let begun = Monotonic.now
        let page = try stack.get(
            "/api/events?after=\(cursor)", token: user.token, headers: [("Prefer", "wait=1")])
        #expect(page.status == 200 && page["items"] == [] && Monotonic.now - begun >= .seconds(1))
    }

    /// Across reloads and a kill, no event is lost or repeated.
    @Test func readersContinueAfterTheEndOfTheirResponder() throws {
        let (all, admin) = (client("/api/events"), client("/api/events", token: try stack.adminToken()))
        for client in [all, admin] {
            try client.connect()
            try client.follow { $0.lastID != nil }
        }
        let runs = try (0..<6).map { _ in try start(Self.chain) }
        let watchers = try runs.map { run in
            let client = client("/api/executions/\(run)/events")
            try client.connect()
            return client
        }
        _ = try stack.waiting(6, of: user)
        let supervisor = try #require(stack.processes.first { $0.arguments.dropFirst().first == "serve" })
        for (index, run) in runs.enumerated() {
            switch index {
            case 1, 4: kill(supervisor.id, SIGHUP)
            case 2:
                for process in stack.processes where process.arguments.contains("respond") { kill(process.id, SIGKILL) }
            default: break
            }
            try stack.patientlySignal(run, of: user)
        }
        for client in watchers {
            try client.follow { $0.events.last?.id.hasSuffix("e") == true }
            let told = try words(client)
            #expect(told.suffix(3) == ["2 success", "3 success", "completed"], "\(told)")
            #expect(Set(client.events).count == client.events.count, "repeated: \(told)")
        }
        for client in [all, admin] {
            try client.follow { client in client.events.count { $0.data.contains(#""status":"completed""#) } == 6 }
            #expect(client.events.allSatisfy { $0.name != "reset" })
            for run in runs {
                let own = client.events.filter { $0.data.contains(run) }
                #expect(Set(own).count == own.count)
                #expect(own.count { $0.name == "step" && $0.data.contains(#""status":"success""#) } == 3)
            }
        }
    }

    @Test func onlyThoseReadARunWhoMaySeeIt() throws {
        let run = try start(Self.chain)
        let other = try stack.makeUser()
        let target = "/api/executions/\(run)/events"
        expectProblem(try stack.get(target, token: other.token), 404, "not_found")
        #expect(try stack.get(target).status == 401)
        expectProblem(try stack.get("\(target)?after=1", token: user.token), 400, "invalid_cursor")
        expectProblem(try stack.get("/api/events?after=s1", token: user.token), 400, "invalid_cursor")
        expectProblem(try stack.get("/api/events?limit=1", token: user.token), 400, "bad_request")
        #expect(try stack.get(target, token: try stack.adminToken()).status == 200)
    }

    /// Logging out ends the streams of the session.
    @Test func aStreamEndsWithItsSession() throws {
        let client = client("/api/events")
        try client.connect()
        try client.follow { $0.lastID != nil }
        #expect(try stack.post("/logout", [:], token: user.token).status == 204)
        try eventually("the stream has ended") { !client.read(milliseconds: 1_000) }
        #expect(client.isComplete)
    }

    /// Fifty watchers of five runs on a few threads, while ordinary calls go on.
    @Test func manyWatchersLeaveTheThreadsToOtherCalls() throws {
        let runs = try (0..<5).map { _ in try start(Self.chain) }
        _ = try stack.waiting(5, of: user)
        let clients = try (0..<50).map { index in
            let client = client("/api/executions/\(runs[index % 5])/events")
            try client.connect()
            try client.follow { $0.events.contains { $0.name == "execution" } }
            return client
        }
        for _ in 0..<20 { #expect(try stack.get("/me", token: user.token).status == 200) }
        let metrics = try stack.get("/metrics").text
        #expect(metrics.contains("flow_manager_event_streams 50"), "\(metrics)")
        for run in runs { try stack.signal(run, of: user) }
        for client in clients { try client.follow { !$0.isConnected && $0.isComplete } }
        #expect(clients.allSatisfy { $0.connections == 1 && $0.events.last?.id.hasSuffix("e") == true })
        try eventually("the streams are counted") {
            try stack.get("/metrics").text.contains("flow_manager_event_streams 0")
        }
    }
}

extension Stack {
    /// Approves the last step of a run, while responders may be replaced.
    fileprivate func patientlySignal(_ run: String, of user: TestUser) throws {
        let body: JSON = ["step": 2, "approved": true]
        try eventually("the signal is taken") {
            let status = try post("/api/executions/\(run)/signal", body, token: user.token).status
            return status == 202 || status == 409
        }
    }
}
