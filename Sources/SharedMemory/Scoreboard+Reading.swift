package import Glibc
package import System

extension Scoreboard {
    /// A process that runs.
    package struct Process: Sendable {
        package let id: pid_t
        package let role: Role
        /// When it began, in seconds since 1970.
        package let begun: UInt64
        package let gauges: [Gauge: Int]
        package var threads: [Thread]
    }

    /// A thread of a process that runs.
    package struct Thread: Sendable {
        package let isBusy: Bool
        /// Since when it is busy or idle; nil if it has never been busy, or waits for the body of its request.
        package let since: Monotonic?
        /// How many requests or runs it has done.
        package let count: UInt64
        /// What it did last, or does now.
        package let activity: SeriesKey?
        package let run: (UInt64, UInt64)
    }

    /// All processes that run, in the order of their rows.
    package var processes: [Process] {
        let threads = threads
        return Self.processRows.starts().compactMap { index in
            let holder = Holder(word: memory.word(index))
            guard holder.word != 0, let role = Role(rawValue: memory.word(index + 1)), holder.isAlive else {
                return nil
            }
            let gauges = Gauge.allCases.map { gauge in
                let word = memory.word(index + ProcessRow.firstGauge + gauge.rawValue)
                return (gauge, max(0, Int(Int64(bitPattern: word))))
            }
            return Process(
                id: holder.id, role: role, begun: memory.word(index + 2),
                gauges: Dictionary(uniqueKeysWithValues: gauges), threads: threads[holder.word] ?? [])
        }
    }

    /// The threads by the word of their process.
    private var threads: [UInt64: [Thread]] {
        var threads: [UInt64: [Thread]] = [:]
        for index in Self.threadRows.starts() {
            let holder = memory.word(index)
            guard holder != 0 else { continue }
            let state = memory.word(index + 1)
            threads[holder, default: []].append(
                Thread(
                    isBusy: state & 1 == 1, since: state >> 1 == 0 ? nil : Monotonic(milliseconds: state >> 1),
                    count: memory.word(index + 2), activity: SeriesKey(word: memory.word(index + 3)),
                    run: (memory.word(index + 4), memory.word(index + 5))))
        }
        return threads
    }
}
