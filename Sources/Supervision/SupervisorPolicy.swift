/// The numbers a supervisor goes by.
package struct SupervisorPolicy: Sendable {
    /// How many responders serve side by side; theirs are the first slots.
    package var responders: Int
    /// How many workers serve beside them.
    package var workers: Int
    /// How long a child may take to finish what it has begun before it is killed.
    package var grace: Duration = .seconds(30)
    /// How long a child may take from its start until it is ready before it is killed.
    package var readiness: Duration = .seconds(10)
    /// A child that served for less than this died young.
    package var minimumUptime: Duration = .seconds(2)
    /// The wait before the successor of the second in a row that died young; it doubles with each further one.
    package var firstDelay: Duration = .milliseconds(100)
    package var longestDelay: Duration = .seconds(5)

    package init(responders: Int, workers: Int = 0) {
        self.responders = responders
        self.workers = workers
    }

    func role(of slot: Int) -> Role { slot < responders ? .responder : .worker }

    /// The wait after that many early deaths in a row: none after the first.
    func delay(afterEarlyDeaths count: Int) -> Duration {
        guard count > 1 else { return .zero }
        // The shift is bounded so that it cannot overflow; the limit is reached long before.
        return min(firstDelay * (1 << min(count - 2, 16)), longestDelay)
    }
}
