import System
import Supervision
import Testing

/// Responders that serve and are replaced for what they do.
@Suite struct SupervisorReplacementTests {
    private func figures(busyFor seconds: Int) -> ChildFigures {
        ChildFigures(longestRequest: LongRequest(endpoint: "GET /me", duration: .seconds(seconds)))
    }

    @Test func aResponderWithARequestThatTakesTooLongDrainsAndIsKilled() {
        var pool = SupervisorSimulation.serving(2) { $0.requestTerminateTimeout = .seconds(120) }
        pool.inspect(102, figures(busyFor: 120))
        #expect(pool.spawns.isEmpty)
        pool.inspect(102, figures(busyFor: 121))
        #expect(pool.spawns == [1])
        let request = LongRequest(endpoint: "GET /me", duration: .seconds(121))
        #expect(
            pool.takeReports() == [
                .recycling(.responder, slot: 1, pid: 102, .request(request)),
                .requestOverdue(request, slot: 1, pid: 102),
            ])
        pool.start()
        pool.inspect(102, figures(busyFor: 122))
        #expect(pool.children[102] == [], "its other threads serve until its successor is ready")
        pool.handle(.ready(103))
        #expect(pool.children[102] == [.terminate])
        pool.advance(.seconds(29))
        #expect(pool.children[102] == [.terminate], "its other threads finish")
        pool.advance(.seconds(1))
        #expect(pool.children[102] == [.terminate, .kill])
        pool.handle(.exited(102, .signalled(.kill)))
        #expect(pool.spawns.isEmpty)
        #expect(!pool.takeReports().contains { if case .requestOverdue = $0 { true } else { false } })
    }

    @Test func withoutALimitARequestMayTakeAnyTime() {
        var pool = SupervisorSimulation.serving(1)
        pool.inspect(101, figures(busyFor: 1_000_000))
        #expect(pool.spawns.isEmpty && pool.takeReports().isEmpty)
    }
}
