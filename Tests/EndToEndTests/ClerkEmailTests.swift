import Crypto
import HTTP
import JSON
import Synchronization
import TestSupport
import Testing

/// The e-mails of Clerk's users, which are not in their tokens, from a server that answers as its Backend API.
@Suite(.timeLimit(.minutes(2))) struct ClerkEmailTests {
    private static let key = "sk_test_canary_0123456789"

    /// The users that the API knows.
    private final class Directory: Sendable {
        let users = Mutex<[String: JSON]>([:])
        let status = Mutex<String?>(nil)

        func add(_ id: String, _ addresses: [(email: String, status: JSON)], primary: Int? = 0) {
            let list = addresses.enumerated().map { index, address -> JSON in
                [
                    "id": .string("idn_\(index)"), "email_address": .string(address.email),
                    "verification": address.status == .null ? .null : ["status": address.status],
                ]
            }
            let user: JSON = [
                "id": .string(id), "email_addresses": .array(list),
                "primary_email_address_id": JSON(primary.map { "idn_\($0)" }),
            ]
            users.withLock { $0[id] = user }
        }

        func answer(_ request: LoopbackServer.Request) -> LoopbackServer.Answer {
            if let status = status.withLock(\.self) { return .bytes("HTTP/1.1 \(status)\r\nContent-Length: 0\r\n\r\n") }
            guard request.fields["authorization"] == "Bearer \(ClerkEmailTests.key)", request.method == "GET" else {
                return .bytes("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            }
            let id = request.target.split(separator: "/").last.map(String.init) ?? ""
            guard request.target == "/v1/users/\(id)", let user = users.withLock({ $0[id] }) else {
                return .bytes("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            }
            return .ok(user.text)
        }
    }

    private let directory = Directory()
    private let clerk: TestIssuer
    private let server: LoopbackServer
    private let stack: Stack

    init() throws {
        clerk = try TestIssuer(.rs256)
        server = try LoopbackServer { [directory] in directory.answer($0) }
        stack = try Stack(settings: [
            "CLERK_FRONTEND_URL": clerk.url, "AUTHORIZED_PARTIES": TestIssuer.party, "CLERK_SECRET_KEY": Self.key,
            "CLERK_API_URL": server.url + "/", "HTTP_ALLOW_ADDRESSES": "127.0.0.0/8", "RESPONDERS": "1",
        ])
    }

    private func me(_ subject: String) throws -> JSON {
        let answer = try stack.get("/me", token: clerk.token(of: subject, ["aud": nil]))
        guard answer.status == 200 else { throw TestFailure(answer.text) }
        return answer.json
    }

    private func requests(for subject: String) -> Int {
        server.requests.count { $0.target == "/v1/users/\(subject)" }
    }

    @Test func aVerifiedEmailIsKeptAfterTheFirstCall() throws {
        directory.add("user_1", [("one@example.org", "verified")])
        directory.add("user_2", [("first@example.org", "verified"), ("Primary@Example.org", "verified")], primary: 1)
        directory.add(
            "user_3", [("primary@example.org", "unverified"), ("second@example.org", "verified")])
        #expect(try me("user_1")["email"] == .null)
        for (subject, email) in [
            ("user_1", "one@example.org"), ("user_2", "Primary@Example.org"), ("user_3", "second@example.org"),
        ] {
            try eventually("the e-mail of \(subject)") { try me(subject)["email"] == .string(email) }
            #expect(requests(for: subject) == 1)
        }
    }

    /// Those that are not verified, those of other accounts, and answers that are no users.
    @Test func otherEmailsAreNotKept() throws {
        let local = try stack.makeUser()
        directory.add("user_1", [("unverified@example.org", "unverified"), ("expired@example.org", "expired")])
        directory.add("user_2", [("unverified@example.org", .null)])
        directory.add("user_3", [(local.email, "verified")])
        directory.add("user_4", [("not an e-mail", "verified")])
        for subject in ["user_1", "user_2", "user_3", "user_4", "user_5"] { _ = try me(subject) }
        // They are fetched one after the other, so that the last one ends the others.
        directory.add("user_6", [("last@example.org", "verified")])
        try eventually("the last e-mail") { try me("user_6")["email"] == "last@example.org" }
        for subject in ["user_1", "user_2", "user_3", "user_4", "user_5"] {
            #expect(try me(subject)["email"] == .null)
            #expect(requests(for: subject) == 1)
        }
        #expect(try stack.get("/me", token: local.token)["email"] == .string(local.email))
        // The API has no such user.
        try stack.waitForLog { stack.log.contains("email-not-fetched") && stack.log.contains("status(404)") }
    }

    /// No call waits, only one request is sent, and the log tells the operator without the key.
    @Test func aFailureDelaysNoCallAndIsLogged() throws {
        directory.status.withLock { $0 = "503 No" }
        #expect(try me("user_1")["email"] == .null)
        try stack.waitForLog { stack.log.contains("email-not-fetched") }
        for _ in 0..<5 { #expect(try me("user_1")["email"] == .null) }
        #expect(try me("user_2")["email"] == .null)
        #expect(server.requests.count == 1)
        #expect(stack.log.contains("status(503)") && !stack.logs.contains(Self.key))
    }
}
