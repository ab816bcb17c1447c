import Crypto
import Dispatch
import Glibc
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// The command `flow-manager keys`, while two responders serve requests.
@Suite struct KeyRotationTests {
    /// A separate stack, because the tests rotate its keys.
    let stack: Stack
    let user: TestUser
    /// The user of the concurrent calls, with so many sessions that the oldest ones end.
    let caller: TestUser

    init() throws {
        stack = try Stack()
        (user, caller) = (try stack.makeUser(), try stack.makeUser())
    }

    @Test func noRequestIsRejectedDuringRotation() throws {
        let first = try login(user)
        let isOver = Atomic(false)
        let rejected = Mutex<[String]>([])
        let failure = Mutex<(any Error)?>(nil)
        DispatchQueue.concurrentPerform(iterations: 4) { index in
            do {
                if index == 0 {
                    defer { isOver.store(true, ordering: .relaxed) }
                    try rotateTwice(first)
                } else {
                    while !isOver.load(ordering: .relaxed) {
                        let answers = try callAll()
                        let others = answers.filter { $0.status != 200 }.map { "\($0.status) \($0.text)" }
                        rejected.withLock { $0 += others }
                    }
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let failure = failure.withLock(\.self) { throw failure }
        #expect(rejected.withLock(\.self).isEmpty)

        try wait("the token of a key before the last two rotations is still accepted") {
            try (0..<20).allSatisfy { _ in try stack.get("/me", token: access(first)).status == 401 }
        }
        expectChallenge(try stack.get("/me", token: access(first)), "token_invalid")
        let renewed = try stack.post("/refresh", ["refresh_token": first["refresh_token"]])
        #expect(renewed.status == 200, "a session survives its keys")
        #expect(try stack.get("/me", token: access(renewed)).status == 200)
    }

    /// Rotates twice and waits each time until the new key signs. Tokens of the previous key stay valid.
    private func rotateTwice(_ first: HTTPAnswer) throws {
        let refusal = try stack.command(["keys", "rotate", "jwt", "--forced"])
        #expect(refusal.status == 2 && refusal.output.contains("usage: "))
        let second = try rotate([])
        #expect(try stack.get("/me", token: access(first)).status == 200)
        let early = try stack.command(["keys", "rotate", "jwt"])
        #expect(early.status == 1 && early.output.contains("--force"), "\(early.output)")
        _ = try rotate(["--force"])
        #expect(try stack.get("/me", token: access(second)).status == 200)
    }

    /// Rotates the keys and returns a login with a token that is signed with the new key.
    private func rotate(_ options: [String]) throws -> HTTPAnswer {
        let result = try stack.command(["keys", "rotate", "jwt"] + options)
        #expect(result.status == 0, "\(result.output)")
        let words = result.output.split(separator: " ").map(String.init)
        let id = words.count > 1 ? words[1] : ""
        try wait("key \(id) does not sign") { try keyID(login(caller)) == id }
        return try login(user)
    }

    /// Sends every kind of request that issues or verifies a token.
    private func callAll() throws -> [HTTPAnswer] {
        let login = try login(caller)
        let me = try stack.get("/me", token: access(login))
        let renewed = try stack.post("/refresh", ["refresh_token": login["refresh_token"]])
        let others = try (0..<8).map { _ in try stack.get("/me", token: access(renewed)) }
        // A page keeps the CSRF token of its login while the cookies are renewed.
        let page = [
            ("Cookie", "access_token=\(try access(renewed))"),
            ("X-CSRF-TOKEN", login["csrf_token"].stringValue ?? ""),
        ]
        let change = try stack.send("PATCH", "/me", ["name": "Ann"], headers: page)
        try logOut(renewed)
        return [login, me, renewed, change] + others
    }

    private func login(_ user: TestUser) throws -> HTTPAnswer {
        try stack.patiently {
            try stack.post("/login", ["email": .string(user.email), "password": .string(user.password)])
        }
    }

    /// A user has a limited number of sessions, of which a login ends the oldest.
    private func logOut(_ answer: HTTPAnswer) throws {
        #expect(try stack.post("/logout", [:], token: access(answer)).status == 204)
    }

    private func access(_ answer: HTTPAnswer) throws -> String { try #require(answer["access_token"].stringValue) }

    private func keyID(_ answer: HTTPAnswer) throws -> String? {
        try Forgery(of: access(answer)).header["kid"]?.stringValue
    }

    private func wait(_ failure: String, until condition: () throws -> Bool) throws {
        for _ in 0..<1_200 {
            if try condition() { return }
            poll(nil, 0, 50)
        }
        throw TestFailure(failure)
    }

    @Test func listAndResealPrintNoSecrets() throws {
        #expect(try stack.command(["keys", "rotate", "jwt"]).status == 0)
        let list = try stack.command(["keys", "list"])
        #expect(list.status == 0)
        #expect(list.output.contains("from JWT_SECRET_KEY  signs\n"))
        #expect(list.output.contains("  signs from 2"))
        #expect(list.output.hasSuffix("  from SEALING_KEY  seals; values: 1\n"))

        let old = try #require(stack.environment["SEALING_KEY"])
        let next = ["SEALING_KEY": "the-sealing-key-after-it-9876543210", "SEALING_PREVIOUS_KEY": old]
        let resealed = try stack.command(["keys", "reseal"], settings: next)
        #expect(resealed.output.contains("token_keys.secret: 1 resealed, 0 that do not open"))
        let credentials = try stack.command(["keys", "rotate", "credentials"], settings: next)
        #expect(credentials.output == "credentials.sealed: 0 resealed, 0 that do not open\n")
        let alone = ["SEALING_KEY": "the-sealing-key-after-it-9876543210"]
        #expect(try stack.command(["keys", "list"], settings: alone).output.hasSuffix("values: 1\n"))

        let none = try stack.command(["keys", "rotate", "jwt", "--force"], settings: ["SEALING_KEY": ""])
        #expect(none.status == 1 && none.output.hasPrefix("flow-manager keys: SEALING_KEY "), "\(none.output)")
        // The responders do not have the new sealing key: they cannot open the secret and use no other key instead.
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        try wait("logins succeed although the key does not open") {
            try stack.post("/login", login).status == 503
        }
        expectProblem(try stack.post("/login", login), 503, "unavailable")
        try stack.waitForLog { stack.log.contains("SEALING_KEY does not open") }
        for output in [list.output, resealed.output, none.output] {
            for secret in [Stack.tokenSecret, old, "the-sealing-key"] { #expect(!output.contains(secret)) }
        }
    }
}
