import Crypto
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The field `on_end` of a workflow, and its secret.
@Suite struct EndTargetTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func create(
        _ target: JSON?, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        try application.post(
            "/api/workflows", .workflow("w", target.map { ["on_end": $0] } ?? [:]), token: token ?? user.token,
            headers: headers)
    }

    private func secrets() throws -> Int { try application.count("SELECT count(*) FROM end_secrets") }

    @Test func theSecretIsShownOnceAndSealed() throws {
        let made = try create(["url": "https://example.org/ends", "statuses": ["failed", "canceled"]])
        #expect(made.status == 201, "\(made.text)")
        let secret = try #require(made["on_end"]["secret"]?.stringValue)
        let path = try #require(made.headers["location"])
        let read = try application.get(path, token: user.token)
        #expect(read["on_end"] == ["url": "https://example.org/ends", "statuses": ["failed", "canceled"]])
        // What was read, and what was answered, can be sent back.
        for body in [read.json, made.json] {
            let same = try application.send("PUT", path, body, token: user.token)
            #expect(same.status == 200 && same.json == read.json, "\(same.text)")
        }
        let sealed = try application.connection.query("SELECT sealed FROM end_secrets").only.decode([UInt8].self)
        let id = try #require(made["id"].stringValue)
        let keys = try #require(application.services.sealingKeys)
        #expect(try keys.open(sealed, associated: EndTarget.associated(id, of: user.id)) == Array(secret.utf8))

        let other: [String: JSON] = ["on_end": ["url": "http://example.org/other"]]
        let moved = try application.send("PUT", path, .workflow("w", other), token: user.token)
        #expect(moved["on_end"] == ["url": "http://example.org/other", "statuses": .null])
        #expect(moved["version"] == 1, "it belongs to no version")
        let rolled = try application.post("\(path)/rollback", ["version": 1], token: user.token)
        #expect(rolled["on_end"] == moved["on_end"])
        let without = try application.send("PUT", path, .workflow("w"), token: user.token)
        #expect(without["on_end"] == .null)
        #expect(try secrets() == 0)
        let again = try application.send("PUT", path, .workflow("w", other), token: user.token)
        #expect(try #require(again["on_end"]["secret"]?.stringValue) != secret)
        #expect(try application.get("\(path)/export", token: user.token).json.objectValue?["on_end"] == nil)
        #expect(try application.send("DELETE", path, token: user.token).status == 204)
        #expect(try secrets() == 0)
    }

    /// The answer is stored, and the secret is not.
    @Test func aCallWithAKeyShowsNoSecret() throws {
        let key = [("Idempotency-Key", "k")]
        let made = try create(["url": "https://example.org/"], headers: key)
        #expect(made.status == 201 && made["on_end"].objectValue?["secret"] == nil, "\(made.text)")
        #expect(try create(["url": "https://example.org/"], headers: key).json == made.json)
        #expect(try secrets() == 1)
    }

    @Test(
        arguments: [
            (["url": "ftp://example.org/"], "/on_end/url"), (["url": "https://user:pass@example.org/"], "/on_end/url"),
            (["url": "http://１２７.0.0.1/"], "/on_end/url"), (["url": "example.org"], "/on_end/url"),
            (["url": "https://"], "/on_end/url"),
            (["url": ""], "/on_end"), ([:], "/on_end"), (["url": "https://a.org/", "statuses": []], "/on_end"),
            (["url": "https://a.org/", "statuses": ["running"]], "/on_end"),
            (["url": "https://a.org/", "statuses": ["failed", "failed"]], "/on_end/statuses"),
            (["url": "https://a.org/", "method": "GET"], "/on_end"), ("https://a.org/", "/on_end"),
        ] as [(JSON, String)])
    func invalidTargetsAreRefused(target: JSON, pointer: String) throws {
        let refusal = try create(target)
        expectProblem(refusal, 422, "validation_failed")
        #expect(pointers(refusal).count == 1 && pointers(refusal)[0].hasPrefix(pointer), "\(refusal.text)")
    }

    @Test func guestsAreNotNotified() throws {
        let guest = try application.post("/api/guests", [:], from: "192.0.2.7")
        let token = try #require(guest["token"].stringValue)
        expectProblem(try create(["url": "https://example.org/"], token: token), 403, "forbidden")
        let path = try #require(create(nil, token: token).headers["location"])
        let target: JSON = .workflow("w", ["on_end": ["url": "https://example.org/"]])
        for caller in [token, try application.adminToken()] {
            expectProblem(try application.send("PUT", path, target, token: caller), 403, "forbidden")
        }
        #expect(try application.get(path, token: token)["on_end"] == .null)
    }

    @Test func theSecretIsReplaced() throws {
        let path = try #require(create(["url": "https://example.org/"]).headers["location"])
        let rotated = try application.post("\(path)/on-end/rotate", [:], token: user.token)
        #expect(rotated.status == 200 && rotated["secret"].stringValue?.hasPrefix("whsec_") == true)
        #expect(try secrets() == 2)
        _ = try application.post("\(path)/on-end/rotate", ["expires_in": 0], token: user.token)
        #expect(try secrets() == 2)
        try Pruning.run(on: application.connection) { _, _ in }
        #expect(try secrets() == 1)
        let plain = try #require(create(nil).headers["location"])
        expectProblem(try application.post("\(plain)/on-end/rotate", [:], token: user.token), 409, "no_end_target")
        let stranger = try application.makeUser()
        expectProblem(try application.post("\(path)/on-end/rotate", [:], token: stranger.token), 404, "not_found")
        expectProblem(try application.get("\(path)/deliveries", token: stranger.token), 404, "not_found")
    }
}
