import Flows
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import App

/// Calls that are answered when a run ends.
@Suite struct WaitReplyTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private static let approval = JSON.flow([.task("a", "approval")])

    private func reply(_ target: String, _ body: JSON, _ headers: [(String, String)] = []) -> Reply {
        let all = [application.bearer(user.token), ("Content-Type", "application/json")] + headers
        return application.reply(to: Request("POST", target, all), body: body.serialized())
    }

    /// Parks the reply like the edge; `sent` records its response.
    private func park(_ reply: Reply) throws -> (wait: CompletionWait, sent: Recording<Response>) {
        let sent = Recording<Response>()
        guard case .wait(let start) = reply.continuation else { throw TestFailure("no wait: \(reply)") }
        start(PendingResponse { if let response = $0 { sent.add(response) } })
        return (try #require(application.waits.all.last).wait, sent)
    }

    /// Sends the response as at the end of the run or at the timeout.
    private func end(_ parked: (wait: CompletionWait, sent: Recording<Response>)) throws -> HTTPAnswer {
        #expect(parked.sent.all.isEmpty)
        let response = try #require(parked.wait.response(application.connection, true))
        try #require(application.waits.all.last).response.send(response)
        try #require(application.waits.all.last).response.send(.noContent)
        #expect(parked.sent.all.count == 1, "only the first response is sent")
        return HTTPAnswer(try #require(parked.sent.all.first))
    }

    private func cancel(_ run: String) throws {
        #expect(try application.post("/api/executions/\(run)/cancel", [:], token: user.token).status == 200)
    }

    @Test(arguments: [
        (nil, 50, nil), ("wait=7", 7, "wait=7"), ("respond-async, wait=7", 7, "wait=7"), ("wait=99", 50, "wait=50"),
        ("wait=-1", 50, nil), ("wait=x", 50, nil), (#"foo="a, wait=5"; bar, Wait = "7""#, 7, "wait=7"),
    ])
    func theResponseIsSentAtTheEndOfTheRun(preference: String?, seconds: Int, applied: String?) throws {
        let reply = reply("/flow-manager", Self.approval, preference.map { [("Prefer", $0)] } ?? [])
        let fallback = HTTPAnswer(reply.initial)
        #expect(fallback.status == 202)
        #expect(fallback.headers["preference-applied"] == applied)
        #expect(fallback.headers["x-request-id"] != nil)
        let run = try #require(fallback["id"].stringValue)
        #expect(fallback.headers["location"] == "/api/executions/\(run)")

        let parked = try park(reply)
        #expect(parked.wait.executionID == run)
        #expect(parked.wait.timeout == .seconds(seconds))
        try cancel(run)
        let answer = try end(parked)
        #expect(answer.status != 202)
        #expect(answer["execution_id"] == .string(run) || answer["id"] == .string(run), "\(answer.text)")
        #expect(answer.headers["preference-applied"] == applied)
        #expect(answer.headers["x-request-id"] == fallback.headers["x-request-id"])
        #expect(answer.headers["x-content-type-options"] == "nosniff")
    }

    /// So that the thread that answers all waiting calls is not occupied with one of them.
    @Test func largeRecordIsReadOnlyIfAdmitted() throws {
        let large = (0..<8).map { JSON.task("t\($0)", "random.array", ["n": 10_000]) }
        let flow = JSON.chain(large + [.task("approval", "approval")])
        let parked = try park(reply("/flow-manager", flow, [("Prefer", "wait=1")]))
        #expect(parked.wait.userID == user.id)
        #expect(parked.wait.response(application.connection, false)?.status == .accepted)
        try application.work()
        #expect(parked.wait.response(application.connection, false) == nil)
        try cancel(parked.wait.executionID)
        #expect(parked.wait.response(application.connection, false) == nil)
        #expect(try end(parked).status == 422)
    }

    @Test func aTimeoutIsAnsweredWithTheStateOfTheRun() throws {
        let parked = try park(reply("/flow-manager", Self.approval, [("Prefer", "wait=1")]))
        let answer = try end(parked)
        #expect(answer.status == 202)
        #expect(answer["status"] == "queued")
        #expect(answer.headers["preference-applied"] == "wait=1")
    }

    @Test func waitZeroIsAnsweredAtOnce() throws {
        let reply = reply("/flow-manager", Self.approval, [("Prefer", "wait=0")])
        #expect(reply.continuation == nil)
        #expect(reply.initial.status == .accepted)
        #expect(reply.initial.headers["Preference-Applied"] == "wait=0")
    }

    /// Also for a chain that would end within the call.
    @Test func respondAsyncIsAnsweredAtOnce() throws {
        for flow in [Self.approval, .demoFlow] {
            let reply = reply("/flow-manager", flow, [("Prefer", "handling=lenient"), ("Prefer", "respond-async")])
            #expect(reply.continuation == nil)
            let answer = HTTPAnswer(reply.initial)
            #expect(answer.status == 202 && answer["status"] == "queued", "\(answer.text)")
            #expect(answer.headers["preference-applied"] == "respond-async")
            let run = try application.get(try #require(answer.headers["location"]), token: user.token)
            #expect(run["status"] == "queued", "\(run.text)")
        }
        let twice = try (0..<2).map { _ in
            let headers = [("Prefer", "respond-async"), ("Idempotency-Key", "async")]
            return try application.post("/flow-manager", .demoFlow, token: user.token, headers: headers)
        }
        #expect(twice.map(\.status) == [202, 202] && twice[0]["id"] == twice[1]["id"])
    }

    @Test func aChainThatNeverWaitsIsAnsweredAtOnce() throws {
        let reply = reply("/flow-manager", .demoFlow, [("Prefer", "wait=9")])
        #expect(reply.continuation == nil)
        #expect(reply.initial.status == .ok)
        #expect(reply.initial.headers["Preference-Applied"] == "wait=9")
    }

    /// Every call that may wait, answered at once: RFC 7240, section 3.
    @Test func everyAnswerNamesTheAppliedPreference() throws {
        let failing = JSON.flow([.task("a", "pass"), .task("b", "fail")], [.condition("a", "b", "end")])
        func applied(_ target: String, _ body: JSON, _ headers: [(String, String)]) -> String? {
            HTTPAnswer(reply(target, body, headers).initial).headers["preference-applied"]
        }
        let run = try #require(try application.post("/flow-manager", failing, token: user.token)["id"].stringValue)
        let paths = ["/api/executions/\(run)/fork", "/api/executions/\(run)/resume"]
        for (target, body) in try launches().map({ ($0.target, $0.body) }) + paths.map({ ($0, ["step": 2]) }) {
            let body = target.hasSuffix("/resume") ? [:] : body
            let key = ("Idempotency-Key", "applied")
            for (preference, name) in [
                ("respond-async", "respond-async"), ("wait=5", "wait=5"), ("wait=90", "wait=50"),
            ] {
                let values = (0..<2).map { _ in applied(target, body, [key, ("Prefer", preference)]) }
                #expect(values == [name, name], "\(target) \(preference)")
            }
            #expect(applied(target, body, [key]) == nil)
            try application.work()
        }
        // The replay of a run that has ended, and a call that executes the run itself.
        for headers in [[("Idempotency-Key", "now")], []] {
            for _ in 0..<2 {
                for preference in ["wait=9", "wait=0"] {
                    #expect(applied("/flow-manager", .demoFlow, headers + [("Prefer", preference)]) == preference)
                }
            }
        }
        #expect(applied("/api/executions/\(run)/cancel", [:], [("Prefer", "wait=9")]) == nil)
    }

    /// The user's runs occupy their share of the threads: a worker executes the next one.
    @Test func aChainBeyondTheShareOfItsUserWaits() throws {
        let application = try TestApplication { $0.runLimits.threadsPerUser = 0 }
        let user = try application.makeUser()
        let headers = [application.bearer(user.token), ("Content-Type", "application/json")]
        let reply = application.reply(
            to: Request("POST", "/flow-manager", headers), body: JSON.demoFlow.serialized())
        guard case .wait = reply.continuation else { throw TestFailure("it does not wait: \(reply)") }
        #expect(reply.initial.status == .accepted)
        #expect(HTTPAnswer(reply.initial)["status"] == "queued")
    }

    /// The calls that start a run, with the status of their answers for a run that was canceled.
    private func launches() throws -> [(target: String, body: JSON, status: Int)] {
        let draft: JSON = ["name": "w", "flow": Self.approval["flow"] ?? .null]
        let workflow = try #require(
            try application.post("/api/workflows", draft, token: user.token)["id"].stringValue)
        return [("/flow-manager", Self.approval, 422), ("/api/workflows/\(workflow)/execute", [:], 200)]
    }

    @Test func aReplayShowsThePresentRecord() throws {
        for (target, body, status) in try launches() {
            let headers = [("Idempotency-Key", "k"), ("Prefer", "wait=0")]
            let first = HTTPAnswer(reply(target, body, headers).initial)
            let run = try #require(first["id"].stringValue)
            for replay in [reply(target, body, headers), reply(target, body, [headers[0]])] {
                #expect(replay.continuation == nil, "without a preference, a replay does not wait")
                let answer = HTTPAnswer(replay.initial)
                #expect(answer.status == 202 && answer.body == first.body, "\(answer.text)")
                #expect(answer.headers["location"] == first.headers["location"])
                #expect(answer.headers["idempotency-replayed"] == "true")
            }
            try cancel(run)
            for headers in [[headers[0]], headers, [headers[0], ("Prefer", "wait=9")]] {
                let replay = reply(target, body, headers)
                #expect(replay.continuation == nil)
                let answer = HTTPAnswer(replay.initial)
                #expect(answer.status == status && answer["status"] == "canceled", "\(answer.text)")
                #expect(answer["execution_id"] == .string(run) || answer["id"] == .string(run))
                #expect(answer.headers["idempotency-replayed"] == "true")
                #expect(answer.headers["preference-applied"] == (headers.count == 1 ? nil : headers[1].1))
            }
        }
        #expect(try application.count("SELECT count(*) FROM executions WHERE user_id = \(user.id)") == 2)
    }

    @Test func aReplayWaitsByItsOwnPreference() throws {
        for (target, body, status) in try launches() {
            let first = HTTPAnswer(reply(target, body, [("Idempotency-Key", "k"), ("Prefer", "wait=5")]).initial)
            let second = reply(target, body, [("Idempotency-Key", "k"), ("Prefer", "wait=7")])
            let fallback = HTTPAnswer(second.initial)
            #expect(fallback.status == 202 && fallback.body == first.body)
            #expect(fallback.headers["preference-applied"] == "wait=7")
            let parked = try park(second)
            #expect(parked.wait.timeout == .seconds(7))
            try cancel(try #require(first["id"].stringValue))
            let answer = try end(parked)
            #expect(answer.status == status && answer["status"] == "canceled", "\(answer.text)")
            #expect(answer.headers["idempotency-replayed"] == "true")
            #expect(answer.headers["preference-applied"] == "wait=7")
        }
    }
}
