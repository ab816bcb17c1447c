/// The settings of a supervisor.
package struct SupervisorPolicy: Sendable {
    /// The number of responders; they have the first slots.
    package var responders: Int
    /// The number of workers; they have the slots after the responders.
    package var workers: Int
    /// The resident memory, in bytes, beyond which a child is replaced; nil: no limit.
    package var largestChild: Int?
    /// The interval at which the memory of the children is read, and the pool inspected.
    package var inspectionInterval: Duration = .seconds(1)
    /// The number of requests after which a responder is replaced; nil: no limit.
    package var maxRequests: Int?
    /// The number of crashes within `emergencyRestartInterval` after which all children are replaced; nil: no limit.
    package var emergencyRestartThreshold: Int?
    package var emergencyRestartInterval: Duration = .seconds(60)
    /// How long a request may occupy a thread before its process is replaced; nil: no limit.
    package var requestTerminateTimeout: Duration?
    /// The time limit for a child to drain and exit; then it is killed.
    package var grace: Duration = .seconds(30)
    /// A ready child that sends no heartbeat for that long is killed; nil: none is. It is counted in inspections, so
    /// that the time in which the supervisor itself did not run does not count.
    package var heartbeatTimeout: Duration? = .seconds(10)
    /// The time limit for a child to become ready after its start; then it is killed.
    package var readiness: Duration = .seconds(10)
    /// A child that served for less time exited early.
    package var minimumUptime: Duration = .seconds(2)
    /// The delay before the next start after two early exits in a row; each further early exit doubles it.
    package var firstDelay: Duration = .milliseconds(100)
    package var maximumDelay: Duration = .seconds(5)

    package init(responders: Int, workers: Int = 0) {
        self.responders = responders
        self.workers = workers
    }

    /// The number of inspections in a row without a heartbeat after which a child is killed.
    var heartbeatInspections: Int? {
        heartbeatTimeout.map { max(1, Int(($0 / inspectionInterval).rounded(.up))) }
    }

    /// Up to a quarter fewer requests for later slots, so that responders with equal loads are not due all at once.
    func requestLimit(of slot: Int) -> Int? {
        maxRequests.map { $0 - $0 * slot / (4 * max(1, responders)) }
    }

    func role(of slot: Int) -> Role { slot < responders ? .responder : .worker }

    /// The delay after that many early exits in a row: none after the first.
    func delay(afterEarlyExits count: Int) -> Duration {
        guard count > 1 else { return .zero }
        // The shift is bounded so that it cannot overflow; the maximum delay is reached long before.
        return min(firstDelay * (1 << min(count - 2, 16)), maximumDelay)
    }
}
