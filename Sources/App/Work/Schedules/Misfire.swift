/// What becomes of instants at which no worker could start a run.
enum Misfire: String, CaseIterable {
    case skip, once, all

    /// How late an instant may be without being missed, in seconds: a restart of the service takes less, and so does
    /// the pause between two workers that cron starts. An instant is missed in any case when a later one is due.
    static let grace: Int64 = 300
    /// How many instants are made up for at most.
    static let maximumInstants = 100

    /// What is to be done about the instants that are due.
    struct Decision: Equatable {
        /// The instant that starts a run; nil: none.
        let instant: Int64?
        /// What becomes of all instants until this time is decided.
        let decidedUntil: Int64
    }

    /// For how many seconds an instant is not too late.
    ///
    /// - Parameter window: `misfire_window` of the schedule.
    func limit(window: Int64) -> Int64 { self == .skip ? min(window, Self.grace) : window }

    /// Decides about one instant; `all` has others left afterwards. Times are seconds since 1970.
    ///
    /// - Parameter due: the instants that are due and not too late, in order.
    func decide(due: [Int64], now: Int64) -> Decision {
        switch self {
        case .all:
            guard let oldest = due.suffix(Self.maximumInstants).first else {
                return Decision(instant: nil, decidedUntil: now)
            }
            return Decision(instant: oldest, decidedUntil: oldest)
        case .skip, .once: return Decision(instant: due.last, decidedUntil: now)
        }
    }
}
