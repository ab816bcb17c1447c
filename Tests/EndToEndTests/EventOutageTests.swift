import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Readers of events while the database is not available.
@Suite struct EventOutageTests {
    /// The sessions of all processes end, that of the thread that reads events among them.
    @Test(.enabled(if: TestDatabase.givesSessions)) func streamsSurviveTheLossOfAllSessions() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let all = EventClient(stack, "/api/events", token: user.token)
        try all.connect()
        try all.follow { $0.lastID != nil }
        let call = try stack.begin(.approval, of: user)
        let run = try #require(try stack.waiting(1, of: user).first)
        let one = EventClient(stack, "/api/executions/\(run)/events", token: user.token)
        try one.connect()
        try one.follow { $0.events.last?.name == "execution" }
        try all.follow { $0.events.count >= 2 }

        let connection = stack.database.connectAsApplication()
        try connection.execute(
            """
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
            """)
        let body: JSON = ["step": 1, "approved": true]
        try eventually("the signal is taken") {
            let status = try stack.post("/api/executions/\(run)/signal", body, token: user.token).status
            return status == 202 || status == 409
        }
        try one.follow { !$0.isConnected }
        #expect(one.isComplete && one.connections == 1 && one.events.last?.id.hasSuffix("e") == true)
        try all.follow { $0.events.last?.data.contains(#""status":"completed""#) == true }
        #expect(all.connections == 1 && Set(all.events.map(\.id)).count == all.events.count)
        #expect(all.events.allSatisfy { $0.name != "reset" })
        #expect(try stack.client.finish(call).status == 200)
    }
}
