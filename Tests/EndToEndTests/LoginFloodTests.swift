import Foundation
import HTTP
import JSON
import Synchronization
import TestSupport
import Testing

/// A client that sends many concurrent valid logins does not starve other clients.
@Suite struct LoginFloodTests {
    @Test func otherClientsLogInDuringAFlood() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let body = (["email": .string(user.email), "password": .string(user.password)] as JSON).serialized()
        @Sendable func login(from address: String) -> Int {
            let params = stack.params("POST", "/login", length: body.count, [("REMOTE_ADDR", address)])
            return (try? FastCGIClient(path: stack.socket).exchange(params, body: body))?.status ?? 0
        }
        let isOver = Atomic(false)
        let flooded = Atomic(0)
        let flood = DispatchGroup()
        for _ in 0..<24 {
            flood.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .relaxed) {
                    if login(from: "192.0.2.200") == 200 { flooded.add(1, ordering: .relaxed) }
                }
                flood.leave()
            }
        }
        // The test counts logins, not time: the duration of a hash depends on the machine.
        var others = 0
        for _ in 0..<400 where others < 5 { others += login(from: "192.0.2.201") == 200 ? 1 : 0 }
        let ratio = Double(flooded.load(ordering: .relaxed)) / Double(max(others, 1))
        isOver.store(true, ordering: .relaxed)
        flood.wait()
        #expect(others == 5)
        #expect(ratio < 8, "without fairness the ratio would be 24")
    }
}
