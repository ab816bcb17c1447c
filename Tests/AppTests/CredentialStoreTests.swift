import Crypto
import Flows
import HTTP
import JSON
import Postgres
import Synchronization
import System
import TestSupport
import Testing

@testable import App
@testable import HTTPClient

/// Credentials with values in AWS Secrets Manager: a fake of it, or the service at `AWS_TEST_URL`, as
/// `scripts/check aws` starts it.
@Suite struct CredentialStoreTests {
    private static let value = "canary-of-a-credential"

    private let fake: FakeSecrets
    private let secrets: AWSSecrets
    private let application: TestApplication
    private let user: TestUser
    private let events = Recording<String>()

    init() throws {
        fake = try FakeSecrets()
        let secrets = Self.secrets(at: Environment.current["AWS_TEST_URL"] ?? fake.url)
        self.secrets = secrets
        application = try TestApplication { $0.secrets = secrets }
        user = try application.makeUser()
    }

    private static func secrets(at url: String) -> AWSSecrets {
        var keys = AWSKeySettings()
        (keys.accessKeyID, keys.secretAccessKey, keys.sessionToken) = ("AKIDEXAMPLE", "secret/key+", "tok/en+==")
        return AWSSecrets(url: url, region: "eu-central-1", keys: AWSKeyChain(keys))
    }

    private var keys: KeyRing { get throws { try #require(application.services.sealingKeys) } }

    /// The stores of an installation that keeps values in AWS, and of one that keeps them in the database.
    private func store(_ secrets: AWSSecrets?) throws -> CredentialStore {
        CredentialStore(sealedBy: try keys, in: secrets, observe: { [events] in events.add("\($0)") })
    }

    private func create(_ value: String = value) throws -> HTTPAnswer {
        try application.post(
            "/api/credentials", ["name": "c", "value": .string(value), "hosts": ["example.org"]], token: user.token)
    }

    private func sent(by store: CredentialStore) throws -> String {
        let opened = Recording<Result<OpenCredential, TaskFailure>>()
        store.open(try store.find("c", of: user.id, on: application.connection)) { opened.add($0) }
        #expect(opened.all.count == 1)
        return try opened.all[0].get().request.value
    }

    private func name(_ made: HTTPAnswer) -> String { "flow-manager/\(user.id)/\(made["id"].stringValue ?? "")" }

    private func removeAll(by store: CredentialStore) throws {
        while try store.removeSome(on: application.connection) {}
    }

    @Test func valuesAreStoredReplacedAndRemoved() throws {
        let (made, store) = (try create(), try store(secrets))
        #expect(made.status == 201, "\(made.text)")
        let row = try application.connection.query("SELECT sealed, c::text FROM credentials c").only
        let (sealed, text) = try row.decode([UInt8]?.self, String.self)
        #expect(sealed == nil && !text.contains(Self.value))
        let stored = try JSON(parsing: Array(try #require(try secrets.value(of: name(made))).utf8))
        #expect(stored["value"] == .string(Self.value) && stored["hosts"] == ["example.org"], "\(stored.text)")
        #expect(try sent(by: store) == "Bearer \(Self.value)")

        let path = try #require(made.headers["location"])
        let other: JSON = ["name": "c", "value": "another value", "hosts": ["example.org"]]
        #expect(try application.send("PUT", path, other, token: user.token).status == 200)
        #expect(try application.send("PUT", path, made.json, token: user.token).status == 200, "without a value")
        #expect(try sent(by: store) == "Bearer another value")

        #expect(try application.send("DELETE", path, token: user.token).status == 204)
        try removeAll(by: store)
        #expect(try secrets.value(of: name(made)) == nil)
        #expect(try application.count("SELECT count(*) FROM removed_secrets") == 0)
    }

    /// The commit that gives a credential a new value and new hosts may fail after AWS has stored the value.
    @Test func aValueIsNotSentToTheHostsOfTheFormerOne() throws {
        let (made, store) = (try create(), try store(secrets))
        let draft = try CredentialDraft(["name": "c", "value": "value of others", "hosts": ["other.example.org"]])
        try store.send("value of others", for: draft, try #require(made["id"].stringValue), of: user.id)
        #expect(throws: TaskFailure.self) { try sent(by: store) }
    }

    /// A value stays where it is until it is replaced.
    @Test func theSettingMayChange() throws {
        let (made, inAWS, inDatabase) = (try create(), try store(secrets), try store(nil))
        #expect(throws: TaskFailure.self) { try sent(by: inDatabase) }
        let id = try #require(made["id"].stringValue)
        func replace(_ value: String, in store: CredentialStore) throws {
            let present = try #require(try Credential.find(id, of: user.id, on: application.connection))
            let draft: JSON = ["name": "c", "value": .string(value), "hosts": ["example.org"]]
            _ = try application.connection.transaction { connection in
                try present.replace(
                    by: CredentialDraft(draft), in: store, AuditTrail(from: nil, on: connection), on: connection)
            }
        }
        try replace("value of the database", in: inDatabase)
        for store in [inDatabase, inAWS] { #expect(try sent(by: store) == "Bearer value of the database") }
        // Before the former value was removed, another one is stored there.
        try replace("value of AWS", in: inAWS)
        try removeAll(by: inAWS)
        #expect(try sent(by: inAWS) == "Bearer value of AWS")
        try replace("once more", in: inDatabase)
        try removeAll(by: inAWS)
        #expect(try secrets.value(of: name(made)) == nil)
    }

    @Test func theEndOfAnAccountRemovesItsValues() throws {
        let made = try create()
        let body: JSON = ["password": .string(user.password)]
        #expect(try application.send("DELETE", "/me", body, token: user.token).status == 204)
        while try AccountRemoval.removeSome(on: application.connection) {}
        try removeAll(by: store(secrets))
        #expect(try secrets.value(of: name(made)) == nil)
    }

    @Test func aServiceThatDoesNotAnswerIsReported() throws {
        #expect(try create().status == 201)
        let server = try LoopbackServer { _ in .bytes("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") }
        let broken = Self.secrets(at: server.url)
        let failure = #expect(throws: TaskFailure.self) { try sent(by: store(broken)) }
        #expect(failure?.code == "credential_unavailable")
        #expect(events.all.count == 1 && events.all[0].contains("Secrets Manager answers 500"))
        let other = try TestApplication { $0.secrets = broken }
        let user = try other.makeUser()
        let draft: JSON = ["name": "c", "value": .string(Self.value), "hosts": ["example.org"]]
        expectProblem(try other.post("/api/credentials", draft, token: user.token), 503, "unavailable")
        #expect(try other.count("SELECT count(*) FROM credentials") == 0)
        #expect(!other.events.all.contains { "\($0)".contains(Self.value) })
    }

    @Test func aCredentialThatIsRefusedLeavesNoValue() throws {
        let fake = try FakeSecrets()
        let application = try TestApplication { $0.secrets = Self.secrets(at: fake.url) }
        let user = try application.makeUser()
        let draft: JSON = ["name": "c", "value": .string(Self.value), "hosts": ["example.org"]]
        let made = try application.post("/api/credentials", draft, token: user.token)
        #expect(made.status == 201, "\(made.text)")
        for key in ["", "key-of-the-call-1"] {
            let headers = [application.bearer(user.token), ("Content-Type", "application/json")]
            let answer = try application.send(
                "POST", "/api/credentials", headers: headers + (key.isEmpty ? [] : [("Idempotency-Key", key)]),
                body: draft.serialized())
            expectProblem(answer, 409, "name_taken")
        }
        #expect(fake.names == ["flow-manager/\(user.id)/\(made["id"].stringValue ?? "")"])
    }

    /// A value that AWS does not delete delays no other: the first of three is refused.
    @Test func aRefusedRemovalDelaysNoOther() throws {
        let fake = try FakeSecrets()
        let application = try TestApplication { $0.secrets = Self.secrets(at: fake.url) }
        let user = try application.makeUser()
        for name in ["a", "b", "c"] {
            let draft: JSON = ["name": .string(name), "value": .string(Self.value), "hosts": ["example.org"]]
            let made = try application.post("/api/credentials", draft, token: user.token)
            let path = try #require(made.headers["location"])
            #expect(try application.send("DELETE", path, token: user.token).status == 204)
        }
        let refused = try application.connection.query(
            "SELECT credential_id::text FROM removed_secrets ORDER BY due_at LIMIT 1"
        ).only.decode(String.self)
        fake.refuseToDelete("flow-manager/\(user.id)/\(refused)")
        let store = CredentialStore(
            sealedBy: nil, in: Self.secrets(at: fake.url), observe: { [events] in events.add("\($0)") })
        while try store.removeSome(on: application.connection) {}
        #expect(fake.names == ["flow-manager/\(user.id)/\(refused)"])
        #expect(events.all.count == 1 && events.all[0].contains("AccessDeniedException"), "\(events.all)")
        #expect(try application.count("SELECT count(*) FROM removed_secrets WHERE due_at > now()") == 1)
    }
}
