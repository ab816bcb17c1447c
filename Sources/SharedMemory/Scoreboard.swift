import Glibc
package import System

/// What each process of the pool and each of its threads does at the moment. The rows of a process that has exited
/// count as free.
package struct Scoreboard: Sendable {
    static let processCapacity = 256
    /// The holder, the role, the gauges.
    static let processWidth = 16
    /// Threads beyond are counted by their process as `hidden`, and not shown.
    static let threadCapacity = 2_048
    /// The holder, the state with its time, the number of requests or steps, the activity, and the two words of a run.
    static let threadWidth = 8

    /// What a process is.
    package enum Role: UInt64, Sendable, CaseIterable {
        case responder = 1
        case worker
    }

    /// A number that a process reports of itself, as it is now.
    package enum Gauge: Int, Sendable, CaseIterable {
        /// Calls that wait without a thread, and open streams.
        case parked
        /// Open connections to the database.
        case connections
        /// Threads that have no row, because none was free.
        case hidden
        /// External calls of steps that are being made.
        case callsRunning
        /// External calls of steps that wait for a limit.
        case callsWaiting
        /// Open streams of events.
        case streams
    }

    static let processRows = Rows(of: SharedMemory.Layout.processes, length: processWidth)
    static let threadRows = Rows(of: SharedMemory.Layout.threads, length: threadWidth)

    let memory: SharedMemory
    let holder = Holder(id: getpid())

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// Takes a row for this process; nil if none is free. To be called once.
    package func enter(as role: Role, at time: UInt64) -> ProcessRow? {
        guard let index = takeRow(of: Self.processRows) else { return nil }
        memory.set(role.rawValue, at: index + 1)
        memory.set(time, at: index + 2)
        return ProcessRow(memory: memory, index: index)
    }

    /// Takes a row for a thread of this process; nil if none is free: then the row of the process counts it.
    package func takeSeat() -> Seat? {
        guard let index = takeRow(of: Self.threadRows) else {
            ownRow?.add(1, to: .hidden)
            return nil
        }
        return Seat(memory: memory, index: index)
    }

    /// Nil if this process has no row.
    private var ownRow: ProcessRow? {
        Self.processRows.starts().first { memory.word($0) == holder.word }
            .map { ProcessRow(memory: memory, index: $0) }
    }

    /// A row of a process that has exited, or one that is free; its other words become zero.
    private func takeRow(of rows: Rows) -> Int? {
        for index in rows.starts() {
            let word = memory.word(index)
            if word == holder.word || word != 0 && Holder(word: word).isAlive { continue }
            guard memory.replace(word, by: holder.word, at: index) else { continue }
            for other in (index + 1)..<(index + rows.length) { memory.set(0, at: other) }
            return index
        }
        return nil
    }
}

/// The row of this process.
package struct ProcessRow: Sendable {
    let memory: SharedMemory
    let index: Int
    static let firstGauge = 3

    /// - Parameter amount: also less than zero.
    package func add(_ amount: Int, to gauge: Scoreboard.Gauge) {
        memory.add(UInt64(bitPattern: Int64(amount)), at: index + Self.firstGauge + gauge.rawValue)
    }
}

/// The row of one thread, which alone changes it.
package struct Seat: Sendable {
    let memory: SharedMemory
    let index: Int

    /// The thread begins a request, or the steps of a run.
    package func begin(at now: Monotonic = .now) {
        memory.set(now.milliseconds << 1 | 1, at: index + 1)
        for word in 3...5 { memory.set(0, at: index + word) }
    }

    /// The thread waits for the client: that is not part of the time of what it does.
    package func pause() { memory.set(1, at: index + 1) }

    /// What the thread does takes its time from now on.
    package func resume(at now: Monotonic = .now) { memory.set(now.milliseconds << 1 | 1, at: index + 1) }

    /// The thread is idle, and has done one more.
    package func end(at now: Monotonic = .now) {
        memory.set(now.milliseconds << 1, at: index + 1)
        memory.add(1, at: index + 2)
    }

    /// What the thread does now: an endpoint's route, or a task type.
    package func show(_ activity: SeriesKey) { memory.set(activity.word, at: index + 3) }

    /// The run that the thread executes: a UUID.
    package func show(run: String) {
        var words: [UInt64] = [0, 0]
        for (position, digit) in run.lazy.compactMap(\.hexDigitValue).prefix(32).enumerated() {
            words[position / 16] = words[position / 16] << 4 | UInt64(digit)
        }
        memory.set(words[0], at: index + 4)
        memory.set(words[1], at: index + 5)
    }
}
