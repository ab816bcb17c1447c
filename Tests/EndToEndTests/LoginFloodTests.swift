import Foundation
import HTTP
import JSON
import Synchronization
import TestSupport
import Testing

/// One client that logs in all the time, rightly and many times at once, leaves turns to the others.
@Suite struct LoginFloodTests {
    @Test func othersGetInWhileOneFloods() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let body = (["email": .string(user.email), "password": .string(user.password)] as JSON).serialized()
        @Sendable func login(from address: String) -> Int {
            let params = stack.params("POST", "/login", length: body.count, [("REMOTE_ADDR", address)])
            return (try? FastCGIClient(path: stack.socket).exchange(params, body: body))?.status ?? 0
        }
        let isOver = Atomic(false)
        let flood = DispatchGroup()
        for _ in 0..<24 {
            flood.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .relaxed) { _ = login(from: "192.0.2.200") }
                flood.leave()
            }
        }
        let statuses = (0..<20).map { _ in login(from: "192.0.2.201") }
        isOver.store(true, ordering: .relaxed)
        flood.wait()
        #expect(statuses.count { $0 == 200 } >= 3, "\(statuses)")
    }
}
