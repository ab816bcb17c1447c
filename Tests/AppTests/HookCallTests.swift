import Crypto
import Dispatch
import Flows
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// Calls of hooks by other services.
@Suite struct HookCallTests {
    private static let secret = "a-secret-of-the-sender"

    private let application: TestApplication
    private let user: TestUser
    private let clock = TestClock()

    init() throws {
        application = try TestApplication { [clock] in
            $0.rateLimits[.hook] = .init(user: 60, guest: 60)
            $0.monotonicClock = { UInt64(clock.now) * 1_000 }
        }
        user = try application.makeUser()
    }

    /// The hook of a new workflow: its paths, for its owner and for the sender.
    private func makeHook(
        _ draft: JSON = [:], of workflow: JSON = .workflow("w")
    ) throws -> (own: String, url: String, workflow: String) {
        let made = try application.post("/api/workflows", workflow, token: user.token)
        let path = try #require(made.headers["location"], "\(made.text)")
        let hook = try application.post("\(path)/hooks", draft, token: user.token)
        let token = try #require(hook["token"].stringValue, "\(hook.text)")
        return (try #require(hook.headers["location"]), "/hooks/\(token)", path)
    }

    private func call(
        _ url: String, _ body: String = "{}", _ headers: [(String, String)] = [], type: String? = "application/json"
    ) throws -> HTTPAnswer {
        let content = type.map { [("Content-Type", $0)] } ?? []
        return try application.send("POST", url, headers: content + headers, body: Array(body.utf8))
    }

    private func outcomes(_ hook: String) throws -> [String] {
        try application.get("\(hook)/deliveries", token: user.token)["items"].each("outcome")
            .compactMap(\.stringValue)
    }

    private func input(_ answer: HTTPAnswer) throws -> JSON {
        let run = try #require(answer["id"].stringValue, "\(answer.text)")
        return try application.get("/api/executions/\(run)", token: user.token)["input"]
    }

    /// An independent computation of Stripe's signature.
    private func stripe(_ body: String, at time: Int64, by secret: String = secret) -> String {
        let code = HMACSHA256(key: Array(secret.utf8)).code(for: Array("\(time).\(body)".utf8))
        return "t=\(time),v1=\(code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())"
    }

    @Test func aCallStartsARunOfTheOwner() throws {
        let hook = try makeHook(["headers": ["X-Shop", "X-None"]])
        let answer = try call(
            hook.url + "?a=1&b=x%20y&a=2", #"{"order":17}"#,
            [("X-Shop", "north"), ("X-Other", "o"), ("Cookie", "access_token=x"), ("Webhook-Id", "d1")])
        #expect(answer.status == 202, "\(answer.text)")
        #expect(answer.json.names == ["id", "status"] && answer["status"] == "queued")
        #expect(answer.headers["location"] == nil && answer.headers["set-cookie"] == nil)
        #expect(answer.headers["ratelimit-policy"] == "\"hook\";q=60;w=60")
        #expect(
            try input(answer) == [
                "body": ["order": 17], "headers": ["x-shop": "north"], "query": ["a": ["1", "2"], "b": "x y"],
            ])
        try application.work()
        let record = try application.get("/api/executions/\(answer["id"].stringValue ?? "")", token: user.token)
        #expect(record["status"] == "completed" && record["user_id"] == .string(user.id))
        #expect(record["trigger"]["delivery_id"] == "d1")
        #expect(hook.own.hasSuffix(record["trigger"]["id"]?.stringValue ?? "-"))
        let again = try call(hook.url, "other", [("Webhook-Id", "d1")])
        #expect(again.status == 400, "what is no JSON has no delivery id")
        let repeated = try call(hook.url, "{}", [("Webhook-Id", "d1")])
        #expect(repeated.status == 200 && repeated["id"] == answer["id"] && repeated["status"] == "completed")
        #expect(try outcomes(hook.own) == ["repeated", "invalid_json", "started"])
        #expect(try application.count("SELECT count(*) FROM executions") == 1)
    }

    @Test func bodiesAreJSONOrFormsOrEmpty() throws {
        let hook = try makeHook()
        let form = "application/x-www-form-urlencoded"
        #expect(try input(call(hook.url, "", type: nil))["body"] == .null)
        #expect(try input(call(hook.url, "[1]", type: "application/cloudevents+json; charset=utf-8"))["body"] == [1])
        let fields = try input(call(hook.url, "a=1&b=x%0Ay&a=2&a=3", type: form))["body"]
        #expect(fields == ["a": ["1", "2", "3"], "b": "x\ny"])
        expectProblem(try call(hook.url, "a", type: "text/plain"), 415, "unsupported_media_type")
        expectProblem(try call(hook.url, "{}", type: nil), 415, "unsupported_media_type")
        expectProblem(try call(hook.url, "a=%zz", type: form), 400, "bad_request")
        expectProblem(try call(hook.url, "a=%00", type: form), 422, "validation_failed")
        expectProblem(try call(hook.url, #"{"a":1,"a":2}"#), 400, "duplicate_name")
        expectProblem(try call(hook.url, "{}", [("Webhook-Id", "with a space")]), 400, "bad_request")
        expectProblem(
            try call(hook.url, "{}", [("Webhook-Id", String(repeating: "x", count: 256))]), 400, "bad_request")
        #expect(try call(hook.url, "{}", [("Webhook-Id", String(repeating: "x", count: 255))]).status == 202)
    }

    @Test(arguments: ["Webhook-Id", "X-GitHub-Delivery", "Idempotency-Key"])
    func aDeliveryStartsOneRun(header: String) throws {
        let hook = try makeHook()
        let first = try call(hook.url, "{}", [(header, "d")])
        let second = try call(hook.url, "{}", [(header, "d")])
        #expect(second.status == 202 && second["id"] == first["id"])
        #expect(try call(hook.url, "{}", [(header, "e")])["id"] != first["id"])
        let other = try makeHook()
        #expect(try call(other.url, "{}", [(header, "d")])["id"] != first["id"], "of another hook")
        #expect(try application.count("SELECT count(*) FROM executions") == 3)
        let run = try #require(first["id"].stringValue)
        _ = try application.post("/api/executions/\(run)/cancel", [:], token: user.token)
        #expect(try application.send("DELETE", "/api/executions/\(run)", token: user.token).status == 204)
        expectProblem(try call(hook.url, "{}", [(header, "d")]), 410, "execution_deleted")
    }

    /// The body is signed, and header fields are not.
    @Test func theSignedIDOfStripeCounts() throws {
        let hook = try makeHook(["signature": ["scheme": "stripe", "secret": .string(Self.secret)]])
        let body = #"{"id":"evt_1"}"#
        let signature = HookScheme.signature(
            of: Array(body.utf8), by: [Array(Self.secret.utf8)], at: application.clock.now)
        let ids = try ["d", "e"].map {
            try call(hook.url, body, [("Webhook-Id", $0), ("Stripe-Signature", signature)])["id"]
        }
        #expect(ids[0] == ids[1] && ids[0] != .null)
    }

    /// Many calls at once, each on a thread and a connection of its own.
    @Test func concurrentDeliveriesStartOneRun() throws {
        let hook = try makeHook()
        let ids = Recording<JSON>()
        let (database, product, url) = (application.database, application.makeProduct(), hook.url)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            let connection = database.connectAsApplication()
            let request = Request("POST", url, [("Content-Type", "application/json"), ("Webhook-Id", "d")])
            let reply = product.reply(
                to: request, readingBody: { policy throws(Rejection) in try policy.body(from: Array("{}".utf8)) },
                over: connection)
            ids.add(HTTPAnswer(reply.initial)["id"])
        }
        #expect(ids.all.count == 8 && Set(ids.all.map(\.text)).count == 1 && ids.all[0] != .null)
        #expect(try application.count("SELECT count(*) FROM executions") == 1)
    }

    @Test func stripesSignatureIsChecked() throws {
        let hook = try makeHook(["signature": ["scheme": "stripe", "secret": .string(Self.secret)]])
        let (body, now) = (#"{"id":"evt_1","type":"x"}"#, application.clock.now)
        let good = stripe(body, at: now)
        let first = try call(hook.url, body, [("Stripe-Signature", good)])
        #expect(first.status == 202, "\(first.text)")
        #expect(try call(hook.url, body, [("Webhook-Signature", "v0=aa,\(good),v1=00")])["id"] == first["id"])
        let wrong: [[(String, String)]] = [
            [], [("Stripe-Signature", "")], [("Stripe-Signature", "t=\(now)")],
            [("Stripe-Signature", stripe(body + " ", at: now))],
            [("Stripe-Signature", stripe(body, at: now, by: "another-secret-of-16"))],
            [("Stripe-Signature", stripe(body, at: now - 301))], [("Stripe-Signature", stripe(body, at: now + 301))],
            [("Stripe-Signature", stripe(body, at: .min))], [("Stripe-Signature", stripe(body, at: .max))],
            [("Stripe-Signature", good), ("Stripe-Signature", good)],
            [("Stripe-Signature", good), ("Webhook-Signature", good)],
            [("Stripe-Signature", good + String(repeating: ",v1=00", count: 8))],
        ]
        for headers in wrong {
            let refusal = try call(hook.url, body, headers)
            expectProblem(refusal, 401, "signature_invalid", "\(headers)")
            #expect(refusal.json.names == ["message", "code", "request_id"])
        }
        let other = #"{"id":"evt_2"}"#
        #expect(try call(hook.url, other, [("Stripe-Signature", stripe(other, at: now - 300))]).status == 202)
        #expect(try outcomes(hook.own).filter { $0 == "signature_invalid" }.count == wrong.count)
    }

    /// With the example of GitHub's documentation.
    @Test func gitHubsSignatureIsChecked() throws {
        let hook = try makeHook(["signature": ["scheme": "github", "secret": "It's-a-Secret-to-Everybody"]])
        let code = HMACSHA256(key: Array("It's-a-Secret-to-Everybody".utf8)).code(for: Array("[1]".utf8))
        let signature = "sha256=" + Hexadecimal.encode(code)
        #expect(try call(hook.url, "[1]", [("X-Hub-Signature-256", signature)]).status == 202)
        for wrong in ["", "sha256=", signature.uppercased(), String(signature.dropLast()), "sha1=" + signature] {
            expectProblem(try call(hook.url, "[1]", [("X-Hub-Signature-256", wrong)]), 401, "signature_invalid")
        }
        expectProblem(try call(hook.url, "[2]", [("X-Hub-Signature-256", signature)]), 401, "signature_invalid")
        // docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
        let known = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        var headers = Headers()
        headers["x-hub-signature-256"] = "sha256=" + known
        let secret = Array("It's a Secret to Everybody".utf8)
        #expect(HookScheme.github.isSigned(Array("Hello, World!".utf8), by: [secret], headers, at: 0))
    }

    @Test func twoSecretsAreValidWhileOneIsReplaced() throws {
        let hook = try makeHook(["signature": ["scheme": "stripe", "secret": .string(Self.secret)]])
        func status(_ secret: String) throws -> Int {
            try call(hook.url, "{}", [("Stripe-Signature", stripe("{}", at: application.clock.now, by: secret))]).status
        }
        let second = try application.post("\(hook.own)/rotate", [:], token: user.token)
        let secret = try #require(second["secret"].stringValue)
        #expect(second.json.objectValue?["token"] == nil && second["previous_secret_expires_at"].stringValue != nil)
        #expect(try [status(Self.secret), status(secret)] == [202, 202])
        try application.connection.execute("UPDATE hook_secrets SET expires_at = now() WHERE expires_at > now()")
        #expect(try [status(Self.secret), status(secret)] == [401, 202])
        let third = try application.post(
            "\(hook.own)/rotate", ["secret": "a-third-secret-of-mine", "expires_in": 60], token: user.token)
        #expect(third["secret"] == "a-third-secret-of-mine")
        #expect(try [status(secret), status("a-third-secret-of-mine")] == [202, 202])
        #expect(try application.count("SELECT count(*) FROM hook_secrets") == 2)
    }

    @Test func theInputMustFitTheWorkflow() throws {
        let schema: JSON = [
            "type": "object",
            "properties": ["body": ["type": "object", "properties": ["n": ["type": "integer"]], "required": ["n"]]],
        ]
        let hook = try makeHook(of: .workflow("w", ["input_schema": schema]))
        let refusal = try call(hook.url, #"{"n":"x"}"#, [("Webhook-Id", "d")])
        expectProblem(refusal, 422, "validation_failed")
        #expect(pointers(refusal) == ["/body/n"])
        #expect(try call(hook.url, #"{"n":1}"#, [("Webhook-Id", "d")]).status == 202, "it was not claimed")
        #expect(try outcomes(hook.own) == ["started", "validation_failed"])
    }

    @Test func onlyAHookThatSaysSoShowsTheResult() throws {
        let plain = try makeHook()
        let open = try makeHook(["answer": "result"])
        let members = ["id", "status", "result", "error"]
        for (url, seconds, names) in [(plain.url, 0, Array(members[..<2])), (open.url, 20, members)] {
            let request = Request("POST", url, [("Content-Type", "application/json")])
            let reply = application.reply(to: request, body: Array("{}".utf8))
            #expect((reply.continuation != nil) == (seconds > 0))
            let wish = Request("POST", url, [("Content-Type", "application/json"), ("Prefer", "wait=7")])
            guard case .wait(let start) = application.reply(to: wish, body: Array("{}".utf8)).continuation else {
                Issue.record("it does not wait")
                continue
            }
            start(PendingResponse { _ in })
            try application.work()
            let wait = try #require(application.waits.all.last).wait
            #expect(wait.timeout == .seconds(7) && wait.userID == user.id)
            let answer = HTTPAnswer(try #require(wait.response(application.connection, true)))
            #expect(answer.status == 200 && answer.json.names == names, "\(answer.text)")
            #expect(answer.headers["ratelimit"] != nil)
        }
        let first = try call(open.url, "{}", [("Webhook-Id", "d")])
        try application.work()
        let again = try call(open.url, "{}", [("Webhook-Id", "d")])
        #expect(again["id"] == first["id"] && again["result"] == 1 && again["error"] == .null)
    }

    @Test func callsAreLimitedBeforeTheirSignature() throws {
        let hook = try makeHook(["signature": ["scheme": "github"]])
        let other = try makeHook()
        for _ in 0..<60 { #expect(try call(hook.url).status == 401) }
        for _ in 0..<300 {
            let refused = try call(hook.url)
            guard refused.status == 429 else { Issue.record("\(refused.status)"); break }
        }
        let refused = try call(hook.url)
        expectProblem(refused, 429, "rate_limited")
        #expect(refused.headers["retry-after"] == "1")
        #expect(refused.headers["ratelimit"]?.hasPrefix("\"hook\";r=0;") == true)
        #expect(try call(other.url).status == 202, "another hook of the same user")
        #expect(try outcomes(hook.own).count == 20, "a page")
        #expect(try application.count("SELECT count(*) FROM hook_deliveries") == 61)
    }

    @Test func theLastHundredDeliveriesAreKept() throws {
        let hook = try makeHook()
        for number in 0..<130 {
            if number % 60 == 0 { clock.advance(by: 60) }
            _ = try call(hook.url, "not JSON", [("Webhook-Id", "d\(number)")])
        }
        #expect(try application.count("SELECT count(*) FROM hook_deliveries") == 100)
        var (ids, next) = ([String](), "")
        repeat {
            let page = try application.get("\(hook.own)/deliveries?limit=40\(next)", token: user.token)
            ids += page["items"].each("id").compactMap(\.stringValue)
            next = page["next_cursor"].stringValue.map { "&cursor=\($0)" } ?? ""
        } while !next.isEmpty
        #expect(Set(ids).count == 100)
    }

    @Test func aHookWithoutAWorkflowOrAnOwnerIsUnknown() throws {
        let (first, second) = (try makeHook(), try makeHook())
        #expect(try application.send("DELETE", first.workflow, token: user.token).status == 204)
        let unknown = try call("/hooks/fmh_unknown")
        let refusal = try call(first.url)
        expectProblem(refusal, 404, "not_found")
        #expect(unknown.status == 404 && unknown["message"] == refusal["message"])
        #expect(try outcomes(first.own) == ["workflow_deleted"])
        try application.connection.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        expectProblem(try call(second.url), 404, "not_found")
        let outcome = try application.connection.query(
            "SELECT outcome FROM hook_deliveries ORDER BY created_at DESC LIMIT 1"
        ).only.decode(String.self)
        #expect(outcome == "owner_inactive")
    }

    /// What runs that cannot be started leave: no claim, and a delivery that says why.
    @Test func refusalsOfTheEngineAreRecorded() throws {
        // Each costs five credits, and the user has twenty.
        let tasks = (0..<5).map { JSON.task("t\($0)", "random.string", ["length": 8]) }
        let draft = JSON.chain(tasks).objectValue?["flow"] ?? .null
        let hook = try makeHook(of: ["name": "dear", "flow": draft])
        expectProblem(try call(hook.url, "{}", [("Webhook-Id", "d")]), 402, "insufficient_credits")
        #expect(try outcomes(hook.own) == ["insufficient_credits"])
        #expect(try application.count("SELECT count(*) FROM hook_claims") == 0)
    }

    /// Claims count toward the storage until they expire.
    @Test func claimsExpire() throws {
        let hook = try makeHook()
        #expect(try call(hook.url, "{}", [("Webhook-Id", "d")]).status == 202)
        let bytes = try application.count("SELECT bytes FROM hook_claims")
        #expect(bytes == 129)
        try application.connection.execute("UPDATE hook_claims SET created_at = now() - interval '71 hours'")
        try Pruning.run(on: application.connection) { _, _ in }
        #expect(try application.count("SELECT count(*) FROM hook_claims") == 1)
        while try application.services.engine.storage.fold(on: application.connection) {}
        let before = try StoredBytes.find(of: user.id, on: application.connection)
        try application.connection.execute("UPDATE hook_claims SET created_at = now() - interval '73 hours'")
        try Pruning.run(on: application.connection) { _, _ in }
        while try application.services.engine.storage.fold(on: application.connection) {}
        #expect(try StoredBytes.find(of: user.id, on: application.connection) == before - 129)
        #expect(try call(hook.url, "{}", [("Webhook-Id", "d")]).status == 202)
        #expect(try application.count("SELECT count(*) FROM executions") == 2)
    }
}
