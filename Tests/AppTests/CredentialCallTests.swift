import Crypto
import Foundation
import HTTP
import HTTPClient
import JSON
import Postgres
import Synchronization
import System
import TestSupport
import Testing

@testable import App
@testable import Flows

/// Steps that send a credential to a TLS server on the loopback address.
@Suite(.timeLimit(.minutes(2))) struct CredentialCallTests {
    private static let userID = "00000000-0000-7000-8000-000000000001"
    private static let stranger = "00000000-0000-7000-8000-000000000002"
    private static let token = "canary/of+a \"token\""

    private let database: TestDatabase
    private let connection: Connection
    private let keys: KeyRing
    private let server: LoopbackServer
    private let other: LoopbackServer
    private let front: TLSFront
    private let engine: Engine
    private let events = Recording<String>()

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        try database.connect().execute(
            """
            INSERT INTO users (id, username, password_hash)
            VALUES (\(Self.userID), 'tester', '-'), (\(Self.stranger), 'stranger', '-')
            """)
        keys = try KeyRing(key: [UInt8](repeating: 1, count: 32))
        server = try LoopbackServer { request in
            switch request.target {
            case let target where target.hasPrefix("/to/"):
                .redirect(307, to: "https://127.0.0.1:\(target.dropFirst(4))/arrived")
            case "/echo": Self.echo(request)
            case "/failure": Self.echo(request, status: "418 Teapot")
            case "/packed": .ok("x", fields: "Content-Encoding: gzip\r\n")
            default: .ok()
            }
        }
        other = try LoopbackServer { _ in .ok() }
        front = try TLSFront(to: server, other)
        engine = try Self.engine(trusting: front.authorities, keys, events)
    }

    private static func engine(
        trusting authorities: String, _ keys: KeyRing, _ events: Recording<String>
    ) throws -> Engine {
        var settings = HTTPClientSettings()
        settings.allowedAddresses = ["127.0.0.1"].compactMap(AddressRange.init(parsing:))
        settings.authorities = authorities
        return Engine(
            catalog: Tasks.makeCatalog(
                calling: try HTTPDriver(settings), credentials: CredentialStore(sealedBy: keys)),
            calls: ExternalCalls { events.add("\($0)") }, observe: { events.add("\($0)") })
    }

    private var url: String { "https://127.0.0.1:\(front.ports[0])" }
    private var hosts: JSON { [.string("127.0.0.1:\(front.ports[0])")] }

    @discardableResult private func store(
        _ members: JSON, of userID: String = userID
    ) throws -> String {
        var draft = JSONObject([
            .init(name: "name", value: "service"), .init(name: "value", value: .string(Self.token)),
            .init(name: "hosts", value: hosts),
        ])
        for member in members.objectValue?.members ?? [] { draft[member.name] = member.value }
        let (form, id) = (try CredentialDraft(.object(draft)), UUIDv7.make())
        try CredentialStore(sealedBy: keys).keep(form, id, of: userID) { sealed in
            let made = try Credential.insert(
                form, id, sealed: sealed, of: userID, AuditTrail(from: nil, on: connection), on: connection)
            return ((), isStored: made != nil)
        }
        return id
    }

    /// Runs one step as a worker does.
    private func run(
        _ input: JSON, credential: String = "service", retry: JSON? = nil, on engine: Engine? = nil
    ) throws -> Execution {
        let engine = engine ?? self.engine
        guard case .object(var task) = JSON.task("a", "http.request", input) else { throw TestFailure("no task") }
        task["credential"] = .string(credential)
        task["retry"] = retry
        let flow = (JSON.flow([.object(task)])["flow"]) ?? .null
        let id = UUIDv7.make()
        try engine.enqueue(
            Execution(
                id: id, userID: Self.userID, flow: flow, input: [:],
                starter: Starter(userID: Self.userID, keyID: nil, trace: nil)),
            try engine.plan(flow, for: Self.userID, on: connection), on: connection)
        let claim = try #require(try engine.claim(on: connection))
        if case .calls(let run) = try engine.execute(claim, on: connection, Cancellation()) {
            let ready = try WakeUp()
            engine.begin(run, Cancellation()) { ready.signal() }
            ready.wait(until: .now + .seconds(20))
            _ = try engine.resume(run, on: connection, Cancellation())
        }
        return try #require(try Execution.find(id, of: Self.userID, on: connection)).execution
    }

    private func code(_ execution: Execution) -> String? { execution.steps.last?.failure?.code }

    @Test(
        arguments: [
            ([:], "authorization", "Bearer \(token)"),
            (
                ["kind": "basic", "value": "user:pä ss:word"], "authorization",
                "Basic " + Data("user:pä ss:word".utf8).base64EncodedString()
            ),
            (["kind": "header", "header": "X-API-Key"], "x-api-key", token),
            (
                ["kind": "header", "header": "Authorization", "value": "Token 0123456789"], "authorization",
                "Token 0123456789"
            ),
        ] as [(JSON, String, String)])
    func theRequestCarriesTheValueByItsKind(members: JSON, field: String, value: String) throws {
        let id = try store(members)
        for reference in ["SERVICE", id, id.uppercased()] {
            let execution = try run(["url": .string(url), "headers": ["X-Other": "1"]], credential: reference)
            #expect(execution.status == .completed, "\(execution.steps.last?.failure?.message ?? "")")
        }
        #expect(server.requests.map { $0.fields[field] } == [value, value, value])
        #expect(server.requests.allSatisfy { $0.fields["x-other"] == "1" })
    }

    /// Nothing is sent, and the step is not repeated.
    @Test func whatIsNotAllowedIsNotSent() throws {
        try store([:])
        try store(["name": "elsewhere", "hosts": ["example.org", "127.0.0.1", "*.example.com"]])
        try store(["name": "of another user"], of: Self.stranger)
        let cases: [(input: JSON, credential: String, code: String)] = [
            (["url": .string(url)], "nothing", "credential_missing"),
            (["url": .string(url)], "of another user", "credential_missing"),
            (["url": .string(url)], UUIDv7.make(), "credential_missing"),
            (["url": .string(url)], "elsewhere", "credential_host"),
            (["url": .string("https://127.0.0.1:\(front.ports[1])")], "service", "credential_host"),
            (["url": .string(server.url)], "service", "credential_host"),
            (["url": .string("http://127.0.0.1:\(front.ports[0])")], "service", "credential_host"),
            (["url": .string(url), "headers": ["authorization": "Bearer x"]], "service", "invalid_input"),
        ]
        for (input, credential, expected) in cases {
            let execution = try run(
                input, credential: credential, retry: ["max_attempts": 3, "initial_delay": 0.01])
            #expect(code(execution) == expected, "\(input.text) \(credential)")
            #expect(execution.steps.count == 1 && execution.steps[0].attempt == 1)
        }
        #expect(server.connections == 0 && other.connections == 0)
    }

    @Test func aRedirectLeadsOnlyToTheHostsOfTheCredential() throws {
        try store([:])
        let location = "\(url)/to/\(front.ports[1])"
        #expect(try code(run(["url": .string(location)])) == "credential_host")
        #expect(server.requests.count == 1 && other.connections == 0)
        let both: JSON = .array((hosts.arrayValue ?? []) + [.string("127.0.0.1:\(front.ports[1])")])
        try store(["name": "both", "hosts": both])
        #expect(try run(["url": .string(location)], credential: "both").status == .completed)
        #expect(other.requests.map { $0.fields["authorization"] } == ["Bearer \(Self.token)"])
    }

    @Test func aValueWhoseKeyIsMissingIsAFailure() throws {
        try store([:])
        let lost = try Self.engine(
            trusting: front.authorities, KeyRing(key: [UInt8](repeating: 2, count: 32)), events)
        #expect(try code(run(["url": .string(url)], on: lost)) == "credential_unavailable")
        #expect(server.connections == 0)
    }

    /// While the value is read elsewhere, the run occupies no thread. A cancel ends the step at once, and the value is
    /// not read after it.
    @Test func aValueThatTakesTimeDelaysNoThread() throws {
        try store([:])
        try database.connect().execute("UPDATE credentials SET sealed = NULL")
        let jobs = Mutex<[@Sendable () -> Void]>([])
        let fake = try FakeSecrets()
        var keys = AWSKeySettings()
        (keys.accessKeyID, keys.secretAccessKey) = ("AKIDEXAMPLE", "secret")
        let credentials = CredentialStore(
            sealedBy: nil, in: AWSSecrets(url: fake.url, region: "eu-central-1", keys: AWSKeyChain(keys)),
            later: { _, job in jobs.withLock { $0.append(job) } })
        let stored = try credentials.find("service", of: Self.userID, on: connection)
        let draft: JSON = ["name": "service", "value": .string(Self.token), "hosts": hosts]
        try credentials.send(Self.token, for: CredentialDraft(draft), stored.id, of: Self.userID)
        let ends = Recording<String>()
        let request = OutgoingRequest(.get, url)
        let call = HTTPCall(by: try HTTPDriver(), timeout: .seconds(10), bodyLimit: 1_000, expecting: nil) { end in
            ends.add(end.outcome)
        }
        credentials.open(stored, while: { call.isWanted }) { call.send(request, with: $0) }
        #expect(ends.all.isEmpty && fake.actions == ["CreateSecret"])
        call.cancel()
        #expect(ends.all == ["canceled"])
        for job in jobs.withLock(\.self) { job() }
        #expect(fake.actions == ["CreateSecret"])
        #expect(ends.all == ["canceled"] && server.connections == 0)
    }

    /// The value is read for each call: a replaced one is sent from then on, and a deleted one no longer.
    @Test func theValueIsReadAtTheCall() throws {
        let id = try store([:])
        #expect(try run(["url": .string(url)]).status == .completed)
        let draft: JSON = ["name": "service", "value": "another value", "hosts": hosts]
        let audit = AuditTrail(from: nil, on: connection)
        let present = try #require(try Credential.find(id, of: Self.userID, on: connection))
        _ = try present.replace(by: CredentialDraft(draft), in: CredentialStore(sealedBy: keys), audit, on: connection)
        #expect(try run(["url": .string(url)]).status == .completed)
        try present.delete(audit, on: connection)
        #expect(try code(run(["url": .string(url)])) == "credential_missing")
        let sent = server.requests.map { $0.fields["authorization"] }
        #expect(sent == ["Bearer \(Self.token)", "Bearer another value"])
    }

    /// The service answers with all it got, in all encodings: no step, no other row and no event has it.
    @Test(arguments: ["bearer", "basic", "header"])
    func theAnswerIsMaskedBeforeItIsStored(kind: String) throws {
        let value = kind == "basic" ? "user:\(Self.token)" : Self.token
        let header: JSON = kind == "header" ? "X-Key" : .null
        try store(["kind": .string(kind), "value": .string(value), "header": header])
        let answered = try run(["url": .string(url + "/echo")])
        #expect(answered.status == .completed)
        let output = try #require(answered.steps.last?.output)
        #expect(output["encoding"] == "json" && output["body"]?["raw"]?.stringValue?.contains("***") == true)
        #expect(output["headers"]?["x-echo"]?.stringValue?.contains("***") == true)
        let failed = try run(["url": .string(url + "/failure")])
        #expect(failed.steps.last?.failure?.details?["body"]?.stringValue?.contains("***") == true)
        var rows = ""
        let owner = database.connect()
        let tables = try owner.query(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        ).map { try $0.decode(String.self) }
        for table in tables {
            rows += try owner.query("SELECT coalesce(string_agg(t::text, ' '), '') FROM \(unsafeRaw: table) t").only
                .decode(String.self)
        }
        #expect(rows.contains("***"))
        let texts = rows + events.all.joined()
        for form in Self.forms(of: Self.token) + Self.forms(of: value) { #expect(!texts.contains(form), "\(form)") }
    }

    @Test func aCompressedAnswerIsAFailure() throws {
        try store([:])
        #expect(try code(run(["url": .string(url + "/packed")])) == "answer_encoded")
    }

    @Test func onlyTypesThatTakeACredentialMayNameOne() throws {
        var task = try #require(JSON.task("a", "pass", 1).objectValue)
        task["credential"] = "service"
        var reader = FlowReader(catalog: engine.catalog)
        _ = reader.read(JSON.flow([.object(task)])["flow"] ?? .null)
        #expect(reader.problems.map(\.pointer) == ["/flow/tasks/0/credential"])
        #expect(engine.catalog.tasks.filter(\.takesCredential).map(\.type) == ["http.request"])
    }

    /// The forms that the server and Foundation make of a secret.
    private static func forms(of secret: String) -> [String] {
        let encoded = Data(secret.utf8).base64EncodedString()
        return [
            secret, secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "", escaped(secret), encoded,
            encoded.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: ""),
        ]
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("/", with: "\\/")
    }

    private static func echo(_ request: LoopbackServer.Request, status: String = "200 OK") -> LoopbackServer.Answer {
        let carried = request.fields["x-key"] ?? request.fields["authorization"] ?? ""
        let raw = String(carried.split(separator: " ", maxSplits: 1).last ?? "")
        let basic = Data(base64Encoded: raw).map { String(decoding: $0, as: UTF8.self) }
        let value = carried.hasPrefix("Basic ") ? basic ?? "" : carried.hasPrefix("Bearer ") ? raw : carried
        let names = ["raw", "percent", "json", "base64", "base64url"]
        let members = zip(names, forms(of: value) + [carried]).map { "\"\($0)\":\"\(name(of: $0, $1))\"" }
        let body = "{\(members.joined(separator: ",")),\"all\":\"\(escaped(carried))\"}"
        return .bytes(
            """
            HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nX-Echo: \(carried)\r\n\
            X-Encoded: \(Data(carried.utf8).base64EncodedString())\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
            """)
    }

    /// The text of a member: its raw form must be escaped to be JSON.
    private static func name(of member: String, _ form: String) -> String {
        member == "raw" || member == "json" ? escaped(form) : form
    }
}
