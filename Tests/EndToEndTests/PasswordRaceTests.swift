import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing
import Dispatch

/// Changes of a password, concurrent with logins and other changes that use the old password.
@Suite struct PasswordRaceTests {
    @Test func changeEndsConcurrentLogins() throws {
        let stack = try Stack.shared.get()
        let user = try stack.makeUser()
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let tokens = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { index in
            if index == 3 {
                let change: JSON = ["password": "another password", "current_password": .string(user.password)]
                _ = try? stack.patiently { try stack.send("PATCH", "/me", change, token: user.token) }
            } else {
                for _ in 0..<4 {
                    guard let token = try? stack.patiently({ try stack.post("/login", login) })["token"].stringValue
                    else { continue }
                    tokens.withLock { $0.append(token) }
                }
            }
        }
        for token in tokens.withLock(\.self) {
            expectChallenge(try stack.get("/me", token: token), "token_invalid", "a login with the old password")
        }
        #expect(try stack.get("/me", token: user.token).status == 200)
    }

    /// Of concurrent changes with the old password, one succeeds. The others fail, since the password is wrong by then.
    @Test func oneOfManyConcurrentChangesSucceeds() throws {
        let stack = try Stack.shared.get()
        let user = try stack.makeUser()
        let statuses = Mutex<[Int]>([])
        DispatchQueue.concurrentPerform(iterations: 6) { index in
            let change: JSON = [
                "password": .string("new password \(index)"), "current_password": .string(user.password),
            ]
            guard
                let status = try? stack.patiently({ try stack.send("PATCH", "/me", change, token: user.token) }).status
            else { return }
            statuses.withLock { $0.append(status) }
        }
        #expect(statuses.withLock(\.self).sorted() == [200] + Array(repeating: 403, count: 5))
    }
}
