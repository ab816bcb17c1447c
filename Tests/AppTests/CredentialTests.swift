import Crypto
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing
import Tokens

@testable import App

/// The endpoints of credentials.
@Suite struct CredentialTests {
    private static let value = "canary-of-a-credential"
    private static let draft: JSON = ["name": "Billing", "value": .string(value), "hosts": ["api.example.org"]]

    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func create(_ draft: JSON = draft) throws -> HTTPAnswer {
        try application.post("/api/credentials", draft, token: user.token)
    }

    private func put(_ target: String, _ body: JSON, ifMatch tag: String? = nil) throws -> HTTPAnswer {
        try application.send(
            "PUT", target, body, token: user.token, headers: tag.map { [("If-Match", $0)] } ?? [])
    }

    private func pointers(_ answer: HTTPAnswer) -> [String] {
        answer["errors"].each("pointer").compactMap { $0.stringValue }
    }

    /// The draft with other members.
    private func draft(_ members: JSON) -> JSON {
        var draft = Self.draft.objectValue ?? JSONObject()
        for member in members.objectValue?.members ?? [] { draft[member.name] = member.value }
        return .object(draft)
    }

    @Test func aCredentialIsReadReplacedAndDeleted() throws {
        let made = try create()
        #expect(made.status == 201 && made.headers["etag"] == "\"1\"", "\(made.text)")
        #expect(made["kind"] == "bearer" && made["header"] == .null && made["hosts"] == ["api.example.org"])
        let path = try #require(made.headers["location"])
        let read = try application.get(path, token: user.token)
        #expect(read.json == made.json && read.headers["etag"] == "\"1\"")
        let known = try application.get(path, token: user.token, headers: [("If-None-Match", "\"1\"")])
        #expect(known.status == 304)

        let other: JSON = [
            "name": "other", "value": "user:pass word", "kind": "basic",
            "hosts": ["*.example.com", "Example.org:8443"],
        ]
        let replaced = try put(path, other, ifMatch: "\"1\"")
        #expect(replaced.status == 200 && replaced.headers["etag"] == "\"2\"", "\(replaced.text)")
        #expect(replaced["hosts"] == ["*.example.com", "example.org:8443"] && replaced["kind"] == "basic")
        expectProblem(try put(path, other, ifMatch: "\"1\""), 412, "version_mismatch")
        let list = try application.get("/api/credentials", token: user.token)
        #expect(list["items"] == .array([replaced.json]))
        let stale = try application.send(
            "DELETE", path, token: user.token, headers: [("If-Match", "\"1\"")])
        expectProblem(stale, 412, "version_mismatch")
        #expect(try application.send("DELETE", path, token: user.token).status == 204)
        expectProblem(try application.get(path, token: user.token), 404, "not_found")
        let actions = try application.get(
            "/api/audit?sort=created_at&subject=\(made["id"].stringValue ?? "")", token: application.adminToken())
        let expected: [JSON] = ["credential_made", "credential_changed", "credential_deleted"]
        #expect(actions["items"].each("action") == expected)
    }

    /// Neither an answer nor a row of the database shows the value.
    @Test func theValueIsSealedAndNeverShown() throws {
        let made = try create()
        let path = try #require(made.headers["location"])
        let answers = try [
            made, application.get(path, token: user.token), application.get("/api/credentials", token: user.token),
            put(path, draft(["name": "x"])), put(path, draft(["name": "x", "id": .string(Self.value)])),
            create(draft(["name": "X"])), create(draft(["hosts": [.string(Self.value + "/")]])),
            create(draft(["kind": "basic"])), application.get("/api/audit", token: application.adminToken()),
        ]
        #expect(answers.map(\.status) == [201, 200, 200, 200, 422, 409, 422, 422, 200])
        for answer in answers { #expect(!answer.text.contains(Self.value), "\(answer.text)") }
        let id = try #require(made["id"].stringValue)
        let owner = application.database.connect()
        let row = try owner.query("SELECT sealed, c::text FROM credentials c WHERE id = \(id)").only
        let (sealed, text) = try row.decode([UInt8].self, String.self)
        #expect(!text.contains(Self.value) && !text.contains(Hexadecimal.encode(Array(Self.value.utf8))))
        let keys = try #require(application.services.sealingKeys)
        let opened = try keys.open(sealed, associated: Credential.associated(id, of: user.id))
        #expect(opened == Array(Self.value.utf8))
        // A copy in the row of another credential or owner does not open.
        let stranger = try application.makeUser().id
        for place in [(id, stranger), (UUIDv7.make(), user.id)] {
            #expect(throws: SealError.notGenuine) {
                try keys.open(sealed, associated: Credential.associated(place.0, of: place.1))
            }
        }
    }

    /// A caller who does not know the value cannot have it sent elsewhere.
    @Test func withoutTheValueTheHostsOnlyBecomeFewer() throws {
        let path = try #require(
            create(draft(["hosts": ["*.example.org", "example.com"]])).headers["location"])
        func change(_ members: JSON) throws -> HTTPAnswer {
            var body = try #require(application.get(path, token: user.token).json.objectValue)
            for member in members.objectValue?.members ?? [] { body[member.name] = member.value }
            return try put(path, .object(body))
        }
        for members: JSON in [
            ["hosts": ["*.example.org", "evil.example"]], ["hosts": ["example.com:444"]], ["hosts": ["example.org"]],
            ["kind": "header", "header": "X-Key"], ["kind": "basic"],
        ] {
            let refusal = try change(members)
            expectProblem(refusal, 422, "validation_failed")
            #expect(pointers(refusal) == ["/value"], "\(members)")
        }
        #expect(try change(["name": "renamed"]).status == 200)
        #expect(try change(["hosts": ["a.example.org", "example.com"]]).status == 200)
        #expect(try change(["hosts": ["evil.example"], "value": "another value"]).status == 200)
    }

    @Test(
        arguments: [
            (["hosts": []], "/hosts"), (["hosts": ["https://example.org"]], "/hosts/0"),
            (["hosts": ["example.org", "*.org"]], "/hosts/1"), (["value": "short"], "/value"),
            (["value": "a line\r\nX: break"], "/value"), (["value": " has a space"], "/value"),
            (["value": "no colon here", "kind": "basic"], "/value"),
            (["value": "a:tab\tor so", "kind": "basic"], "/value"),
            (["value": "ünicode value"], "/value"), (["kind": "header"], "/header"), (["header": "X-Key"], "/header"),
            (["kind": "header", "header": "Host"], "/header"), (["kind": "header", "header": "X Key"], "/header"),
            (["kind": "header", "header": "Idempotency-Key"], "/header"), (["kind": "digest"], "/kind"),
            (["name": "019a5f2e-7c1b-7000-8000-5f0c2b9d4e61"], "/name"), (["name": ""], "/name"),
        ] as [(JSON, String)])
    func invalidCredentialsAreRefused(members: JSON, pointer: String) throws {
        let refusal = try create(draft(members))
        expectProblem(refusal, 422, "validation_failed")
        #expect(pointers(refusal) == [pointer])
    }

    /// Of each user, without regard to case.
    @Test func namesAreUnique() throws {
        #expect(try create().status == 201)
        expectProblem(try create(draft(["name": "bILLING"])), 409, "name_taken")
        let second = try #require(create(draft(["name": "second"])).headers["location"])
        expectProblem(try put(second, draft(["name": "BILLING"])), 409, "name_taken")
        let stranger = try application.makeUser()
        #expect(try application.post("/api/credentials", Self.draft, token: stranger.token).status == 201)
    }

    @Test func aUserHasALimitedNumber() throws {
        try application.connection.execute(
            """
            INSERT INTO credentials (id, user_id, name, kind, hosts, sealed)
            SELECT uuid_v7(), \(user.id)::uuid, n::text, 'bearer', '{example.org}', ''
            FROM generate_series(1, \(Credential.maximumCredentials - 1)) n
            """)
        #expect(try create().status == 201)
        expectProblem(try create(draft(["name": "one more"])), 409, "too_many_credentials")
    }

    @Test func aRepeatedCallMakesOneCredential() throws {
        let key = [("Idempotency-Key", "once")]
        let first = try application.post("/api/credentials", Self.draft, token: user.token, headers: key)
        let second = try application.post("/api/credentials", Self.draft, token: user.token, headers: key)
        #expect(first.status == 201 && second.json == first.json, "\(second.text)")
        #expect(try application.count("SELECT count(*) FROM credentials") == 1)
    }

    @Test func aNewSealingKeyOpensWhatItHasResealed() throws {
        let id = try #require(create()["id"].stringValue)
        let (old, new) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        let keys = try KeyAdministration(
            on: application.connection, tokenKeys: TokenKeys(secret: [UInt8](repeating: 3, count: 32)),
            sealingKeys: KeyRing(key: new, previous: [old]))
        try keys.reseal { _ in }
        let sealed = try application.connection.query("SELECT sealed FROM credentials").only.decode([UInt8].self)
        let opened = try KeyRing(key: new).open(sealed, associated: Credential.associated(id, of: user.id))
        #expect(opened == Array(Self.value.utf8))
    }
}
