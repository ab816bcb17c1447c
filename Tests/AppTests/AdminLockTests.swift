import Dispatch
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import App

/// Only calls that may remove an admin lock the admins, so that one is left.
@Suite struct AdminLockTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    @Test func changesOfClientsDoNotWaitForAdmins() throws {
        let (admin, other) = (try application.adminToken(), try application.makeUser())
        let held = try HeldRows("UPDATE users SET name = 'held' WHERE role = 'admin'", in: application.database)
        let target = "/api/users/\(other.id)"
        for change: JSON in [["role": "client"], ["disabled": true]] {
            #expect(try application.send("PATCH", target, change, token: admin).status == 200)
        }
        #expect(try application.send("DELETE", target, token: admin).status == 204)
        let password: JSON = ["password": .string(user.password)]
        #expect(try application.send("DELETE", "/me", password, token: user.token).status == 204)
        held.release()
    }

    /// The call had found a client, so it has not locked the admins.
    @Test func aUserWhoBecomesAnAdminMeanwhileIsNotRemoved() throws {
        let held = try HeldRows("UPDATE users SET role = 'admin' WHERE id = \(user.id)", in: application.database)
        let (product, database) = (application.makeProduct(), application.database)
        let request = Request("DELETE", "/api/users/\(user.id)", [application.bearer(try application.adminToken())])
        let status = Mutex(0)
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            let reply = product.reply(
                to: request, readingBody: { policy throws(Rejection) in try policy.body(from: []) },
                over: database.connectAsApplication())
            status.withLock { $0 = reply.initial.status.rawValue }
        }
        try held.waitUntilWanted()
        try held.commit()
        group.wait()
        #expect(status.withLock(\.self) == 503)
        let admin = try application.adminToken()
        #expect(try application.get("/api/users/\(user.id)", token: admin)["role"] == "admin")
        #expect(try application.send("DELETE", "/api/users/\(user.id)", token: admin).status == 204)
    }

    @Test func theLastAdminIsRecognizedByAnIDInUpperCase() throws {
        let admin = try application.adminToken()
        let id = try #require(try application.get("/me", token: admin)["id"].stringValue)
        let target = "/api/users/\(id.uppercased())"
        for change: JSON in [["role": "client"], ["disabled": true]] {
            expectProblem(try application.send("PATCH", target, change, token: admin), 409, "last_admin")
        }
        expectProblem(try application.send("DELETE", target, token: admin), 409, "last_admin")
    }
}
