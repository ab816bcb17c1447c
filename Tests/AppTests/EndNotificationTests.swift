import Crypto
import Flows
import HTTP
import HTTPClient
import JSON
import Postgres
import Synchronization
import System
import TestSupport
import Testing

@testable import App

/// Notifications of the ends of runs, from the commit of the end to the answer of the receiver.
@Suite(.timeLimit(.minutes(2))) struct EndNotificationTests {
    private let application: TestApplication
    private let user: TestUser
    private let events = Recording<ApplicationEvent>()
    private let driver: HTTPDriver

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        var settings = HTTPClientSettings()
        settings.allowedAddresses = ["127.0.0.1"].compactMap(AddressRange.init(parsing:))
        driver = try HTTPDriver(settings)
    }

    private func makeNotifier(by driver: HTTPDriver? = nil) -> EndNotifier {
        EndNotifier(
            by: driver ?? self.driver, sealing: application.services.sealingKeys, site: "https://example.org/flow",
            clock: { [clock = application.clock] in clock.now }, observe: { [events] in events.add($0) })
    }

    /// Stores a workflow that notifies this URL. Returns its path and the secret.
    private func makeWorkflow(
        _ url: String, _ flow: JSON = .workflow("w"), statuses: JSON = .null, of owner: TestUser? = nil
    ) throws -> (path: String, secret: String) {
        var draft = flow.objectValue ?? JSONObject()
        draft["on_end"] = ["url": .string(url), "statuses": statuses]
        let made = try application.post("/api/workflows", .object(draft), token: (owner ?? user).token)
        let path = try #require(made.headers["location"], "\(made.text)")
        return (path, made["on_end"]["secret"]?.stringValue ?? "")
    }

    private func start(_ path: String, of owner: TestUser? = nil) throws -> String {
        let answer = try application.post("\(path)/execute", [:], token: (owner ?? user).token)
        return try #require(answer["id"].stringValue, "\(answer.text)")
    }

    private func deliveries(_ path: String) throws -> JSON {
        try application.get("\(path)/deliveries?sort=created_at", token: user.token)["items"]
    }

    /// Begins what is due, and records it when it has ended. Returns how many attempts there were.
    @discardableResult
    private func send(_ notifier: EndNotifier) throws -> Int {
        let wakeUp = try WakeUp()
        let count = try notifier.round(on: application.connection) { wakeUp.signal() }
        let deadline = Monotonic.now + .seconds(30)
        while notifier.isBusy, .now < deadline {
            wakeUp.wait(until: deadline)
            try notifier.round(on: application.connection, claiming: false) { wakeUp.signal() }
        }
        return count
    }

    private func makeDue() throws {
        try application.connection.execute(
            "UPDATE end_notifications SET due_at = clock_timestamp() WHERE state = 'pending'")
    }

    private static let failing = JSON.workflow("w").with("flow", JSON.flow([.task("a", "fail")])["flow"] ?? .null)
    private static let waiting = JSON.workflow("w").with("flow", JSON.flow([.task("a", "approval")])["flow"] ?? .null)

    @Test func theEndOfARunIsDeliveredAndSigned() throws {
        let server = try LoopbackServer { _ in .ok("thanks") }
        let (path, secret) = try makeWorkflow("\(server.url)/ends?x=1")
        let run = try start(path)
        try application.work()
        #expect(try send(makeNotifier()) == 1)
        let request = try #require(server.requests.first)
        #expect(server.requests.count == 1 && request.method == "POST" && request.target == "/ends?x=1")
        let body = try JSON(parsing: Array(request.body.utf8))
        let record = try application.get("/api/executions/\(run)", token: user.token)
        let id = try #require(request.fields["webhook-id"])
        #expect(
            body == [
                "id": .string(id), "type": "execution.ended",
                "execution": [
                    "id": .string(run), "workflow_id": record["workflow_id"], "status": "completed",
                    "created_at": record["created_at"], "finished_at": record["finished_at"],
                    "link": .string("https://example.org/flow/api/executions/\(run)"),
                ],
            ])
        #expect(request.fields["content-type"] == "application/json")
        // An independent computation.
        let now = application.clock.now
        let code = HMACSHA256(key: Array(secret.utf8)).code(for: Array("\(now).\(request.body)".utf8))
        let hex = code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(request.fields["webhook-signature"] == "t=\(now),v1=\(hex)")
        let delivery = try #require(try deliveries(path).arrayValue?.first)
        #expect(delivery["state"] == "delivered" && delivery["id"] == .string(id) && delivery["attempts"] == 1)
        #expect(
            delivery["last_status"] == 200 && delivery["last_answer"] == "thanks" && delivery["status"] == "completed")
        #expect(try send(makeNotifier()) == 0)
        guard case .notificationDelivered? = events.all.first else { throw TestFailure("\(events.all)") }
    }

    /// A hook of one workflow verifies what another workflow sends.
    @Test func aHookTakesANotification() throws {
        let server = try LoopbackServer { _ in .ok() }
        let (path, secret) = try makeWorkflow(server.url)
        let second = try application.post("\(path)/on-end/rotate", [:], token: user.token)["secret"]
        let hook = try application.post(
            "\(path)/hooks", ["signature": ["scheme": "stripe", "secret": second]], token: user.token)
        let former = try application.post(
            "\(path)/hooks", ["signature": ["scheme": "stripe", "secret": .string(secret)]], token: user.token)
        _ = try start(path)
        try application.work()
        try send(makeNotifier())
        let request = try #require(server.requests.first)
        for made in [hook, former] {
            let answer = try application.send(
                "POST", "/hooks/\(made["token"].stringValue ?? "")",
                headers: request.fields.map { ($0.key, $0.value) }, body: Array(request.body.utf8))
            #expect(answer.status == 202, "\(answer.text)")
        }
        let claimed = try application.count(
            "SELECT count(*) FROM hook_claims WHERE delivery_id = \(request.fields["webhook-id"] ?? "")")
        #expect(claimed == 2)
    }

    /// Every way in which a run ends: its own end, a failure, a cancellation and the end of a run that was given up.
    @Test func everyEndIsRecordedOnce() throws {
        let url = "https://example.org/"
        let (good, bad) = (try makeWorkflow(url).path, try makeWorkflow(url, Self.failing).path)
        let waiting = try makeWorkflow(url, Self.waiting).path
        _ = try (start(good), start(bad))
        let (canceled, lost) = (try start(waiting), try start(waiting))
        try application.work()
        _ = try application.post("/api/executions/\(canceled)/cancel", [:], token: user.token)
        try application.connection.execute("UPDATE queue SET state = 'queued', claims = 100, is_alone = true")
        try application.work()
        #expect(try application.get("/api/executions/\(lost)", token: user.token)["status"] == "failed")
        #expect(try deliveries(good).each("status") == ["completed"])
        #expect(try deliveries(bad).each("status") == ["failed"])
        #expect(try deliveries(waiting).each("status") == ["canceled", "failed"])
        let resumed = try application.post("/api/executions/\(canceled)/resume", [:], token: user.token)
        #expect(resumed.status == 202, "\(resumed.text)")
        _ = try application.post("/api/executions/\(canceled)/cancel", [:], token: user.token)
        #expect(try deliveries(waiting).each("status") == ["canceled", "failed", "canceled"])
        #expect(Set(try deliveries(waiting).each("id").map(\.text)).count == 3)
    }

    /// The end of its lifetime is an end like others.
    @Test func aRunThatExpiresIsDelivered() throws {
        let server = try LoopbackServer { _ in .ok() }
        let (path, other) = (try makeWorkflow(server.url, Self.waiting).path, try makeWorkflow(server.url).path)
        let run = try start(path)
        _ = try start(other)
        try application.work()
        var limits = Engine.Limits()
        limits.lifetime = RunLifetime(days: 0)
        let later = Engine(catalog: Tasks.makeCatalog(), limits: limits)
        while try later.expireRuns(on: application.connection) {}
        #expect(try deliveries(path).each("status") == ["expired"])
        #expect(try send(makeNotifier()) == 2)
        let bodies = try server.requests.map { try JSON(parsing: Array($0.body.utf8))["execution"] ?? .null }
        #expect(Set(bodies.map { $0["status"]?.text ?? "" }) == [#""expired""#, #""completed""#])
        #expect(bodies.contains { $0["id"] == .string(run) && $0["status"] == "expired" })
        #expect(try deliveries(path).each("state") == ["delivered"])
    }

    @Test func onlyChosenEndsOfTopLevelRunsAreRecorded() throws {
        let url = "https://example.org/"
        let child = try makeWorkflow(url).path
        let id = JSON.string(String(child.split(separator: "/").last ?? ""))
        let flow = JSON.flow([.task("a", "flow.run", ["workflow": id])])["flow"] ?? .null
        let parent = try makeWorkflow(url, JSON.workflow("p").with("flow", flow)).path
        let chosen = try makeWorkflow(url, statuses: ["failed"]).path
        let plain = try application.post("/api/workflows", .workflow("w"), token: user.token).headers["location"] ?? ""
        _ = try (start(parent), start(chosen), start(plain))
        try application.work()
        try application.work()
        #expect(try deliveries(parent).each("status") == ["completed"])
        for path in [child, chosen, plain] { #expect(try deliveries(path) == []) }
        #expect(try application.count("SELECT count(*) FROM executions WHERE status = 'completed'") == 4)
    }

    @Test func whatFailsIsAttemptedAgainForADay() throws {
        let answers = Mutex(["500 Trouble", "302 Elsewhere", "200 OK"])
        let server = try LoopbackServer { _ in
            let status = answers.withLock { $0.isEmpty ? "503 Full" : $0.removeFirst() }
            let body = String(repeating: "é\u{0}", count: 4_000)
            return .bytes(
                "HTTP/1.1 \(status)\r\nLocation: /there\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        let path = try makeWorkflow(server.url).path
        _ = try start(path)
        try application.work()
        let notifier = makeNotifier()
        for (number, status) in [(1, 500), (2, 302)] {
            #expect(try send(notifier) == 1)
            let delivery = try #require(try deliveries(path).arrayValue?.first)
            #expect(delivery["state"] == "pending" && delivery["last_status"] == JSON(status))
            #expect(delivery["attempts"] == JSON(number) && delivery["next_attempt_at"]?.stringValue != nil)
            let text = try #require(delivery["last_answer"]?.stringValue)
            #expect(text.utf8.count > 2_000 && text.utf8.count <= 4_096 && text.hasPrefix("éé"))
            #expect(try send(notifier) == 0, "it is not due")
            try makeDue()
        }
        #expect(try send(notifier) == 1)
        #expect(try deliveries(path).each("state") == ["delivered"])
        #expect(Set(server.requests.map { $0.fields["webhook-id"] }).count == 1 && server.requests.count == 3)
        #expect(server.requests.allSatisfy { $0.target == "/" }, "no redirect is followed")

        let id = try #require(try deliveries(path).each("id").first?.stringValue)
        let resend = "\(path)/deliveries/\(id)/resend"
        #expect(try application.post(resend, [:], token: user.token).status == 200)
        #expect(try application.post(resend, [:], token: user.token)["state"] == "pending")
        try application.connection.execute("UPDATE end_notifications SET give_up_at = now() + interval '1 second'")
        #expect(try send(notifier) == 1)
        #expect(try deliveries(path).each("state") == ["dead"])
        guard case .notificationDead? = events.all.last else { throw TestFailure("\(events.all)") }
        // The delays begin again, also for one that is pending after some attempts.
        try application.connection.execute(
            """
            UPDATE end_notifications SET state = 'pending', attempts = 6, ended_at = NULL,
                due_at = now() + interval '4 hours'
            """)
        let pending = try application.post(resend, [:], token: user.token)
        #expect(pending["state"] == "pending" && pending["attempts"] == 0)
        #expect(try application.post(resend, [:], token: user.token).status == 200)
        let stranger = try application.makeUser()
        expectProblem(try application.post(resend, [:], token: stranger.token), 404, "not_found")
    }

    @Test func delaysGrow() {
        let claim = { (attempt: Int) in
            ClaimedNotification(
                id: "", userID: "", lease: "", attempt: attempt, workflowID: "", executionID: "", status: "",
                runCreatedAt: "", runFinishedAt: "", url: nil, sealedSecrets: [])
        }
        for (attempt, seconds) in [(1, 10.0), (2, 60), (3, 300), (4, 1_800), (5, 7_200), (6, 14_400), (9, 14_400)] {
            let delay = EndedAttempt(claim(attempt), .failed).delay
            #expect(delay >= .seconds(seconds * 0.8) && delay <= .seconds(seconds * 1.2))
        }
    }

    /// A worker that ends between the answer and its record leaves a lease, after which the same id is sent again.
    @Test func aLostAttemptIsRepeatedWithItsID() throws {
        let server = try LoopbackServer { _ in .ok() }
        let path = try makeWorkflow(server.url).path
        _ = try start(path)
        try application.work()
        let (lost, wakeUp) = (makeNotifier(), try WakeUp())
        #expect(try lost.round(on: application.connection) { wakeUp.signal() } == 1)
        wakeUp.wait(until: .now + .seconds(30))
        let other = makeNotifier()
        #expect(try send(other) == 0, "the lease holds")
        try makeDue()
        #expect(try send(other) == 1)
        #expect(try deliveries(path).each("state") == ["delivered"])
        try lost.round(on: application.connection, claiming: false) {}
        #expect(try deliveries(path).each("attempts") == [2], "the former lease records nothing")
        #expect(server.requests.count == 2 && Set(server.requests.map { $0.fields["webhook-id"] }).count == 1)
    }

    /// At most four attempts of a user at once, whichever process makes them; another user's are not delayed.
    @Test func aSilentReceiverDelaysNoStranger() throws {
        let (silent, server) = (try LoopbackListener(), try LoopbackServer { _ in .ok() })
        let path = try makeWorkflow("http://127.0.0.1:\(silent.port)/").path
        for _ in 0..<12 { _ = try start(path) }
        let stranger = try application.makeUser()
        let other = try makeWorkflow(server.url, of: stranger).path
        _ = try start(other, of: stranger)
        try application.work()
        let (first, second) = (makeNotifier(), makeNotifier())
        #expect(try first.round(on: application.connection) {} == 5)
        #expect(try second.round(on: application.connection) {} == 0)
        let begun = ContinuousClock.now
        while server.requests.isEmpty, .now - begun < .seconds(9) { try WakeUp().wait(until: .now + .milliseconds(10)) }
        #expect(server.requests.count == 1 && .now - begun < .seconds(5))
    }

    @Test func furtherEndsAreDropped() throws {
        let path = try makeWorkflow("https://example.org/").path
        let workflow = String(path.split(separator: "/").last ?? "")
        try application.connection.execute(
            """
            INSERT INTO end_notifications (id, user_id, workflow_id, execution_id, status, run_created_at,
                run_finished_at, state, due_at, give_up_at)
            SELECT uuid_v7(), \(user.id)::uuid, \(workflow)::uuid, uuid_v7(), 'completed', now(), now(), 'pending',
                now() + interval '1 hour', now() + interval '1 day'
            FROM generate_series(1, \(EndNotification.maximumPending - 1))
            """)
        _ = try (start(path), start(path))
        try application.work()
        let last = try application.get("\(path)/deliveries?limit=3", token: user.token)["items"]
        #expect(last.each("state") == ["dropped", "pending", "pending"])
        let id = try #require(last.each("id").first?.stringValue)
        expectProblem(
            try application.post("\(path)/deliveries/\(id)/resend", [:], token: user.token), 409,
            "too_many_notifications"
        )
        try application.connection.execute(
            """
            INSERT INTO end_notifications (id, user_id, workflow_id, execution_id, status, run_created_at,
                run_finished_at, state, give_up_at, ended_at)
            SELECT uuid_v7(), \(user.id)::uuid, \(workflow)::uuid, uuid_v7(), 'completed', now(), now(), 'dropped',
                now(), now()
            FROM generate_series(1, 1999)
            """)
        _ = try start(path)
        try application.work()
        #expect(try application.count("SELECT count(*) FROM end_notifications") == 3_000)
    }

    /// Those that have ended are limited in number and age.
    @Test func oldNotificationsAreRemoved() throws {
        let server = try LoopbackServer { _ in .ok() }
        let path = try makeWorkflow(server.url).path
        let workflow = String(path.split(separator: "/").last ?? "")
        try application.connection.execute(
            """
            INSERT INTO end_notifications (id, user_id, workflow_id, execution_id, status, run_created_at,
                run_finished_at, state, give_up_at, ended_at)
            SELECT uuid_v7(), \(user.id)::uuid, \(workflow)::uuid, uuid_v7(), 'completed', now(), now(), 'delivered',
                now(), now() - n * interval '1 hour'
            FROM generate_series(1, 1010) n
            """)
        _ = try start(path)
        try application.work()
        #expect(try send(makeNotifier()) == 1)
        let kept = try application.count("SELECT count(*) FROM end_notifications")
        #expect((EndNotifier.keptPerUser...EndNotifier.keptPerUser + 1).contains(kept), "\(kept)")
        try Pruning.run(on: application.connection) { _, _ in }
        #expect(try application.count("SELECT count(*) FROM end_notifications") == 720)
    }

    @Test func privateAddressesAreNotReached() throws {
        let server = try LoopbackServer { _ in .ok() }
        let path = try makeWorkflow(server.url).path
        _ = try start(path)
        try application.work()
        #expect(try send(makeNotifier(by: HTTPDriver())) == 1)
        #expect(try deliveries(path).each("last_error") == ["blocked_address"])
        #expect(server.connections == 0)
    }

    @Test func nothingIsSentForWhatHasEnded() throws {
        let server = try LoopbackServer { _ in .ok() }
        let (first, second) = (try makeWorkflow(server.url).path, try makeWorkflow(server.url).path)
        _ = try (start(first), start(second))
        try application.work()
        _ = try application.send("PUT", first, .workflow("w"), token: user.token)
        #expect(try deliveries(first).each("state") == ["dropped"])
        try application.connection.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        #expect(try send(makeNotifier()) == 1)
        try application.connection.execute("UPDATE users SET disabled_at = NULL WHERE id = \(user.id)")
        #expect(try deliveries(second).each("state") == ["dropped"])
        #expect(try !EndNotifier.isDue(on: application.connection))
        #expect(server.connections == 0)
        let id = try #require(try deliveries(first).each("id").first?.stringValue)
        expectProblem(
            try application.post("\(first)/deliveries/\(id)/resend", [:], token: user.token), 409, "no_end_target")
    }

    /// With many users, of whom one has many notifications that have been due for longest.
    @Test func usersHaveTurns() throws {
        let silent = try LoopbackListener()
        let url = "http://127.0.0.1:\(silent.port)/"
        let path = try makeWorkflow(url).path
        for _ in 0..<6 { _ = try start(path) }
        try application.work()
        let others = try (0..<3).map { _ in try application.makeUser() }
        for other in others {
            _ = try start(try makeWorkflow(url, of: other).path, of: other)
            try application.work()
        }
        func claim(_ count: Int) throws -> [String] {
            try EndNotifier.claim(count, on: application.connection).map(\.userID).sorted()
        }
        let first = try claim(3)
        #expect(Set(first).count == 3 && first.contains(user.id), "\(first)")
        let second = try claim(2)
        #expect(Set(second) == Set([user.id] + others.map(\.id).filter { !first.contains($0) }))
        #expect(try claim(64) == [user.id, user.id], "four at once")
        #expect(try claim(64) == [])
    }

    /// An API key has no secrets of hooks, and none of notifications.
    @Test func anAPIKeyDoesNotChangeOnEnd() throws {
        let path = try makeWorkflow("https://example.org/").path
        let made = try application.post("/api/keys", ["name": "k", "scopes": ["write"]], token: user.token)
        let key = try #require(made["key"].stringValue, "\(made.text)")
        var draft = JSON.workflow("w").objectValue ?? JSONObject()
        expectProblem(try application.send("PUT", path, .object(draft), token: key), 403, "forbidden")
        draft["on_end"] = ["url": "https://example.com/"]
        for answer in [
            try application.send("PUT", path, .object(draft), token: key),
            try application.post("/api/workflows", .object(draft), token: key),
        ] { expectProblem(answer, 403, "forbidden") }
        draft["on_end"] = ["url": "https://example.org/"]
        #expect(try application.send("PUT", path, .object(draft), token: key).status == 200)
        let events = try application.count("SELECT count(*) FROM audit_log WHERE action = 'end_target_changed'")
        #expect(events == 1)
    }
}

extension JSON {
    /// The object with that member.
    fileprivate func with(_ name: String, _ value: JSON) -> JSON {
        var object = objectValue ?? JSONObject()
        object[name] = value
        return .object(object)
    }
}
