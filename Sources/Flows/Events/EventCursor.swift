/// A position in the event log, after some change and before the next one: by the transaction and the number of a row,
/// and the index of a change in it. Positions of one run, and those below the oldest transaction in progress, are
/// final: no row is added before them.
package struct EventPosition: Sendable, Hashable {
    let transaction: Int64
    /// From 1; 0: before all rows of the transaction.
    let row: Int64
    /// Of the last change that is before the position.
    let index: Int
    /// Whether that is the last change of its row.
    private(set) var isEndOfRow: Bool

    init(transaction: Int64, row: Int64, index: Int, isEndOfRow: Bool) {
        (self.transaction, self.row, self.index, self.isEndOfRow) = (transaction, row, index, isEndOfRow)
    }

    /// Before all rows of the transaction.
    init(before transaction: Int64) { self.init(transaction: transaction, row: 0, index: 0, isEndOfRow: true) }

    /// The last row that is not read again.
    var lastRow: Int64 { isEndOfRow ? row : row - 1 }

    /// How many changes of the row are before the position.
    func count(in row: Int64, of transaction: Int64) -> Int {
        row == self.row && transaction == self.transaction ? index + 1 : 0
    }

    /// The later one of this position and the beginning of the transaction.
    package func noEarlier(than transaction: Int64) -> EventPosition {
        self.transaction < transaction ? EventPosition(before: transaction) : self
    }

    package static func == (one: EventPosition, other: EventPosition) -> Bool {
        (one.transaction, one.row, one.isEndOfRow) == (other.transaction, other.row, other.isEndOfRow)
            && (one.isEndOfRow || one.index == other.index)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(transaction)
        hasher.combine(row)
    }
}

/// How much of a run's record a reader has got that began with the steps so far.
package struct StepsSeen: Sendable, Hashable {
    /// The steps up to this number are known, and have ended.
    var number = 0
    /// The attempt of the next step that is known, which has not ended; nil: none.
    var open: Attempt?

    struct Attempt: Hashable {
        let number: Int
        let isWaiting: Bool
    }

    package init() {}

    /// All steps are known.
    package static var all: StepsSeen {
        var all = StepsSeen()
        all.number = Int(Int32.max)
        return all
    }

    init(_ step: StepOf<some Any>) {
        let isOver = step.status != .running && step.status != .waiting
        number = isOver ? step.number : step.number - 1
        if !isOver { open = Attempt(number: step.attempt, isWaiting: step.status == .waiting) }
    }

    /// Whether this state of a step is known.
    func includes(_ step: StepOf<some Any>) -> Bool {
        step.number <= number || step.number == number + 1 && open != nil && open == StepsSeen(step).open
    }
}

/// Where a reader continues: what `Last-Event-ID` and `next_cursor` contain.
package enum EventCursor: Sendable, Hashable {
    case position(EventPosition)
    /// After the event that ended a run.
    case end(EventPosition)
    /// Within the steps of a run's record.
    case steps(StepsSeen)

    /// The maximum length of its text, in characters.
    package static let maximumLength = 64

    /// - Returns: nil for a text that is not a cursor of this program.
    package init?(_ text: String) {
        if text.utf8.first == UInt8(ascii: "s") {
            guard let seen = StepsSeen(text.dropFirst()) else { return nil }
            self = .steps(seen)
            return
        }
        let isEnd = text.utf8.last == UInt8(ascii: "e")
        let parts = (isEnd ? text.dropLast() : text[...]).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let transaction = Int64(digits: parts[0]), let row = Int64(digits: parts[1]),
            let index = Int64(digits: parts[2]), index <= Int64(Int32.max)
        else { return nil }
        let position = EventPosition(
            transaction: transaction, row: row, index: Int(index), isEndOfRow: row == 0)
        self = isEnd ? .end(position) : .position(position)
    }

    package var text: String {
        switch self {
        case .position(let position): "\(position.transaction)-\(position.row)-\(position.index)"
        case .end(let position): EventCursor.position(position).text + "e"
        case .steps(let seen): "s\(seen.number)\(seen.open.map { ($0.isWaiting ? "w" : "r") + "\($0.number)" } ?? "")"
        }
    }
}

extension StepsSeen {
    /// Nil for a text that is not what `EventCursor.text` has after the `s`.
    fileprivate init?(_ text: Substring) {
        let letter = text.firstIndex { $0 == "w" || $0 == "r" }
        guard let number = Int64(digits: text[..<(letter ?? text.endIndex)]), number < Int64(Int32.max) else {
            return nil
        }
        self.number = Int(number)
        guard let letter else { return }
        guard let attempt = Int64(digits: text[text.index(after: letter)...]), attempt <= Int64(Int32.max) else {
            return nil
        }
        open = Attempt(number: Int(attempt), isWaiting: text[letter] == "w")
    }
}

extension Int64 {
    /// Of decimal digits alone; nil for any other text, and for a number that is too large.
    fileprivate init?(digits: Substring) {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        self.init(digits)
    }
}
