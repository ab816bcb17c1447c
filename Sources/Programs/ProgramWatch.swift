import System

/// A program that runs, as the stage sees it: it waits for its end, and keeps what it writes.
struct ProgramWatch {
    private let child: ChildProcess
    private let output: Pipe
    private let errors: Pipe
    private let signals: SignalDescriptor
    private let deadline: Monotonic
    private var written: [UInt8] = []
    private var complaints: [UInt8] = []
    /// The pipes that the program has not closed.
    private var open: Set<Int32>

    init(
        _ child: ChildProcess, _ output: Pipe, _ errors: Pipe, _ signals: SignalDescriptor, until deadline: Monotonic
    ) {
        self.child = child
        self.output = output
        self.errors = errors
        self.signals = signals
        self.deadline = deadline
        open = [output.reading, errors.reading]
    }

    /// Returns when the program has ended, or is to be ended.
    mutating func wait() -> ProgramResult.End {
        while true {
            let ready = Set(
                readable(
                    among: [signals.descriptor, Stage.Descriptor.lifeline] + open, until: deadline))
            if ready.contains(signals.descriptor) {
                while signals.next() != nil {}
                if let cause = Descendants.reap()?[child.id] { return end(cause) }
            }
            if ready.contains(Stage.Descriptor.lifeline) { return .aborted }
            read(ready)
            if written.count > ProgramPolicy.Limit.output { return .tooMuchOutput }
            if .now >= deadline { return .timedOut }
        }
    }

    /// With what the program has written before its end. All of its descendants must have ended.
    mutating func result(_ end: ProgramResult.End) -> ProgramResult {
        while !open.isEmpty, written.count <= ProgramPolicy.Limit.output { read(open) }
        var result = ProgramResult(end: end)
        // A character that is cut, or no text, is replaced; U+0000 is no text either.
        result.errors = String(decoding: complaints.filter { $0 != 0 }, as: UTF8.self)
        guard case .exited = end else { return result }
        guard written.count <= ProgramPolicy.Limit.output else {
            return ProgramResult(end: .tooMuchOutput, errors: result.errors)
        }
        result.output = written
        return result
    }

    private mutating func read(_ ready: Set<Int32>) {
        if ready.contains(output.reading) {
            switch output.read() {
            case .bytes(let bytes): written += bytes
            case .nothing: break
            case .end: open.remove(output.reading)
            }
        }
        if ready.contains(errors.reading) {
            switch errors.read() {
            case .bytes(let bytes): complaints = (complaints + bytes).suffix(ProgramPolicy.Limit.errors)
            case .nothing: break
            case .end: open.remove(errors.reading)
            }
        }
    }

    private func end(_ cause: ExitCause) -> ProgramResult.End {
        switch cause {
        case .exited(let status): .exited(status: Int(status))
        case .signalled(let signal): .signalled(Int(signal.rawValue))
        case .unknown: .notStarted("waitpid")
        }
    }
}
