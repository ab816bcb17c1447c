import Crypto
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// Hooks as their owners see them.
@Suite struct HookTests {
    private let application: TestApplication
    private let user: TestUser
    private let workflow: String

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        let made = try application.post("/api/workflows", .workflow("w"), token: user.token)
        workflow = try #require(made.headers["location"])
    }

    private func create(_ draft: JSON = [:], token: String? = nil) throws -> HTTPAnswer {
        try application.post("\(workflow)/hooks", draft, token: token ?? user.token)
    }

    @Test func theURLIsThatOfTheSettings() throws {
        let application = try TestApplication { $0.publicURL = "https://example.org/flow" }
        let user = try application.makeUser()
        let workflow = try application.post("/api/workflows", .workflow("w"), token: user.token)
        let path = try #require(workflow.headers["location"])
        let made = try application.post("\(path)/hooks", [:], token: user.token)
        let token = try #require(made["token"].stringValue)
        #expect(made["url"] == .string("https://example.org/flow/hooks/\(token)"))
    }

    @Test func aHookIsMadeReadAndDeleted() throws {
        let made = try create(["name": "Orders", "headers": ["X-Shop"]])
        #expect(made.status == 201, "\(made.text)")
        let token = try #require(made["token"].stringValue)
        #expect(made["url"] == .string("http://127.0.0.1:8080/hooks/\(token)"))
        #expect(token.hasPrefix("fmh_") && token.utf8.count == 47, "256 bits")
        #expect(made.json.objectValue?["secret"] == nil && made["signature"] == .null && made["answer"] == "status")
        #expect(made["headers"] == ["x-shop"] && made["name"] == "Orders")
        let path = try #require(made.headers["location"])
        #expect(!path.contains(token))
        let read = try application.get(path, token: user.token)
        #expect(read.status == 200 && read.json.objectValue?["url"] == nil, "\(read.text)")
        for list in ["/api/hooks", "\(workflow)/hooks"] {
            #expect(try application.get(list, token: user.token)["items"] == [read.json])
        }
        expectProblem(try application.get("/api/hooks?cursor=x", token: user.token), 400, "invalid_cursor")
        #expect(try application.send("DELETE", path, token: user.token).status == 204)
        expectProblem(try application.get(path, token: user.token), 404, "not_found")
        expectProblem(try application.post("/hooks/\(token)", [:]), 404, "not_found")
        let actions = try application.get(
            "/api/audit?sort=created_at&subject=\(made["id"].stringValue ?? "")", token: application.adminToken())
        #expect(actions["items"].each("action") == ["hook_made", "hook_deleted"])
    }

    /// Neither a row of the database nor another answer has the token or the secret.
    @Test func secretsAreShownOnce() throws {
        let made = try create(["signature": ["scheme": "github"]])
        let (token, secret) = try (#require(made["token"].stringValue), #require(made["secret"].stringValue))
        let path = try #require(made.headers["location"])
        let id = try #require(made["id"].stringValue)
        let answers = try [
            application.get(path, token: user.token), application.get("/api/hooks", token: user.token),
            application.get("/api/audit", token: application.adminToken()),
            application.get("\(path)/deliveries", token: user.token), application.post("/hooks/\(token)", [:]),
        ]
        for answer in answers { #expect(!answer.text.contains(token) && !answer.text.contains(secret)) }
        let owner = application.database.connect()
        let rows = try owner.query("SELECT digest, t::text FROM hook_tokens t").only.decode([UInt8].self, String.self)
        #expect(rows.0 == Digest.sha256(token.utf8) && !rows.1.contains(token))
        let sealed = try owner.query("SELECT sealed FROM hook_secrets").only.decode([UInt8].self)
        let keys = try #require(application.services.sealingKeys)
        #expect(try keys.open(sealed, associated: Hook.associated(id, of: user.id)) == Array(secret.utf8))
        #expect(throws: SealError.notGenuine) {
            try keys.open(sealed, associated: Hook.associated(UUIDv7.make(), of: user.id))
        }
    }

    @Test func aNewSealingKeyOpensWhatItHasResealed() throws {
        let made = try create(["signature": ["scheme": "github", "secret": "a-secret-of-the-sender"]])
        let id = try #require(made["id"].stringValue)
        let new = [UInt8](repeating: 2, count: 32)
        let ring = try KeyRing(key: new, previous: [[UInt8](repeating: 1, count: 32)])
        let counts = try SealedColumn.hookSecrets.reseal(ring, on: application.connection)
        #expect(counts == (1, 0))
        let sealed = try application.connection.query("SELECT sealed FROM hook_secrets").only.decode([UInt8].self)
        let opened = try KeyRing(key: new).open(sealed, associated: Hook.associated(id, of: user.id))
        #expect(opened == Array("a-secret-of-the-sender".utf8))
    }

    @Test(
        arguments: [
            (["headers": ["Authorization"]], "/headers/0"), (["headers": ["X-A", "cookie"]], "/headers/1"),
            (["headers": ["Set-Cookie"]], "/headers/0"),
            (["headers": ["X-Hub-Signature-256"]], "/headers/0"), (["headers": ["X A"]], "/headers/0"),
            (["headers": ["X-A", "x-a"]], "/headers/1"), (["headers": ["X-\u{212A}"]], "/headers/0"),
            (["headers": .array((0...20).map { .string("X-\($0)") })], "/headers"),
            (["signature": ["scheme": "md5"]], "/signature"), (["signature": [:]], "/signature"),
            (["signature": ["scheme": "stripe", "secret": "short"]], "/signature"),
            (["signature": ["scheme": "stripe", "secret": "with a space in it"]], "/signature/secret"),
            (["answer": "all"], "/answer"), (["name": ""], "/name"), (["token": "mine"], "/token"),
        ] as [(JSON, String)])
    func invalidHooksAreRefused(draft: JSON, pointer: String) throws {
        let refusal = try create(draft)
        expectProblem(refusal, 422, "validation_failed")
        #expect(pointers(refusal).count == 1 && pointers(refusal)[0].hasPrefix(pointer), "\(refusal.text)")
    }

    @Test func hooksOfOthersAreHidden() throws {
        let path = try #require(create().headers["location"])
        let stranger = try application.makeUser()
        for (method, target) in [
            ("GET", path), ("DELETE", path), ("GET", "\(path)/deliveries"), ("POST", "\(path)/rotate"),
            ("POST", "\(path)/test"), ("GET", "\(workflow)/hooks"), ("POST", "\(workflow)/hooks"),
        ] {
            let answer = try application.send(method, target, method == "POST" ? [:] : nil, token: stranger.token)
            expectProblem(answer, 404, "not_found", "\(method) \(target)")
        }
        #expect(try application.get("/api/hooks", token: stranger.token)["items"] == [])
        let admin = try application.adminToken()
        #expect(try application.get(path, token: admin).status == 200)
        #expect(try application.get("/api/hooks?user_id=\(user.id)", token: admin)["items"].arrayValue?.count == 1)
        #expect(try create(token: admin)["user_id"] == .string(user.id))
        #expect(try application.send("DELETE", path, token: admin).status == 204)
    }

    @Test func guestsHaveNone() throws {
        let guest = try application.post("/api/guests", [:], from: "192.0.2.7")
        let token = try #require(guest["token"].stringValue)
        let made = try application.post("/api/workflows", .workflow("g"), token: token)
        let path = try #require(made.headers["location"])
        expectProblem(try application.post("\(path)/hooks", [:], token: token), 403, "forbidden")
        expectProblem(try application.post("\(path)/hooks", [:], token: application.adminToken()), 403, "forbidden")
        expectProblem(
            try application.post("\(workflow)/hooks", [:], token: user.token, headers: [("Idempotency-Key", "k")]),
            400, "idempotency_refused")
    }

    @Test func aUserHasALimitedNumber() throws {
        let id = workflow.split(separator: "/").last.map(String.init) ?? ""
        try application.connection.execute(
            """
            INSERT INTO hooks (id, user_id, workflow_id)
            SELECT uuid_v7(), \(user.id)::uuid, \(id)::uuid FROM generate_series(1, \(Hook.maximumHooks - 1))
            """)
        #expect(try create().status == 201)
        expectProblem(try create(), 409, "too_many_hooks")
    }

    /// A token or a secret that is replaced twice has one predecessor.
    @Test func replacedTokensStayValidForAWhile() throws {
        let made = try create()
        let path = try #require(made.headers["location"])
        var tokens = [try #require(made["token"].stringValue)]
        for _ in 0..<2 {
            let rotated = try application.post("\(path)/rotate", [:], token: user.token)
            #expect(rotated.status == 200 && rotated["previous_token_expires_at"].stringValue != nil)
            tokens.append(try #require(rotated["token"].stringValue))
        }
        let statuses = try tokens.map { try application.post("/hooks/\($0)", [:]).status }
        #expect(statuses == [404, 202, 202])
        let last = try application.post("\(path)/rotate", ["expires_in": 0], token: user.token)
        #expect(last["previous_token_expires_at"] == .null)
        #expect(try application.post("/hooks/\(tokens[2])", [:]).status == 404)
        for (body, pointer): (JSON, String) in [
            (["token": false], "/token"), (["secret": "a-secret-of-mine-1"], "/secret"),
            (["expires_in": 604_801], "/expires_in"),
        ] {
            let refusal = try application.post("\(path)/rotate", body, token: user.token)
            expectProblem(refusal, 422, "validation_failed")
            #expect(pointers(refusal) == [pointer])
        }
        var removed = 0
        try Pruning.run(on: application.connection) { if $0 == "hook_tokens" { removed = $1 } }
        #expect(removed == 1)
    }

    @Test func aTestCallStartsARun() throws {
        let path = try #require(create(["headers": ["X-Shop"], "signature": ["scheme": "github"]]).headers["location"])
        let body: JSON = ["body": ["order": 1], "headers": ["x-shop": "north", "Cookie": "c"]]
        let key = [("Idempotency-Key", "once")]
        let started = try application.post("\(path)/test", body, token: user.token, headers: key)
        #expect(started.status == 202, "\(started.text)")
        let run = try #require(started["id"].stringValue)
        #expect(try application.post("\(path)/test", body, token: user.token, headers: key)["id"] == .string(run))
        #expect(try application.post("\(path)/test", [:], token: user.token).status == 202)
        let record = try application.get("/api/executions/\(run)", token: user.token)
        #expect(record["input"] == ["body": ["order": 1], "headers": ["x-shop": "north"], "query": [:]])
        #expect(record["trigger"]["type"] == "hook" && record["trigger"]["delivery_id"] == .null)
        let deliveries = try application.get("\(path)/deliveries", token: user.token)["items"]
        #expect(deliveries.each("test") == [true, true] && deliveries.each("outcome") == ["started", "started"])
    }
}
