/// One of the five fields of a cron expression, and where it begins.
struct CronField {
    /// What a field may have.
    struct Kind {
        /// As in `is no minute`.
        let noun: String
        let range: ClosedRange<Int>
        /// The names of the values, from the first value on.
        var names: [String] = []

        /// 0 and 7 are Sunday.
        static let weekdays = 0...7

        static let all = [
            Kind(noun: "minute", range: 0...59), Kind(noun: "hour", range: 0...23),
            Kind(noun: "day of the month", range: 1...31),
            Kind(
                noun: "month", range: 1...12,
                names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
            Kind(noun: "day of the week", range: weekdays, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
        ]

        var choice: String {
            let numbers = "from \(range.lowerBound) to \(range.upperBound)"
            guard let first = names.first, let last = names.last else { return numbers }
            return "\(numbers) or from \(first) to \(last)"
        }
    }

    private static let words = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    private let kind: Kind
    private let text: Part

    var position: Int { text.position }
    var beginsWithStar: Bool { text.bytes.first == UInt8(ascii: "*") }

    /// The five fields of an expression.
    static func all(in text: String) throws(CronMistake) -> [CronField] {
        let bytes = Array(text.utf8)
        if let index = bytes.firstIndex(where: { !isAllowed($0) }) {
            // All before it are ASCII.
            throw CronMistake(position: index + 1, message: "no such character is known")
        }
        let parts = Part(bytes[...]).split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            .filter { !$0.bytes.isEmpty }
        if let word = parts.first, word.bytes.first == UInt8(ascii: "@") {
            guard let meaning = words[word.string.lowercased()] else {
                let known = words.keys.sorted().joined(separator: ", ")
                throw CronMistake(position: word.position, message: "'\(word.string)' is none of \(known)")
            }
            guard parts.count == 1 else {
                throw CronMistake(position: parts[1].position, message: "nothing may follow '\(word.string)'")
            }
            return try all(in: meaning)
        }
        guard parts.count == Kind.all.count else {
            let names = Kind.all.map(\.noun).joined(separator: ", ")
            throw CronMistake(
                position: parts.count > 5 ? parts[5].position : bytes.count + 1,
                message: "five fields are required (\(names)), not \(parts.count)")
        }
        return zip(Kind.all, parts).map { CronField(kind: $0, text: $1) }
    }

    /// Visible ASCII characters, spaces and tabs.
    private static func isAllowed(_ byte: UInt8) -> Bool { (0x20...0x7e).contains(byte) || byte == UInt8(ascii: "\t") }

    /// The bits of the values that the field has.
    func values() throws(CronMistake) -> UInt64 {
        var values: UInt64 = 0
        for item in text.split(where: { $0 == UInt8(ascii: ",") }) { values |= try self.values(of: item) }
        return values
    }

    /// An item of a list: a value, or a range or `*` with or without a step.
    private func values(of item: Part) throws(CronMistake) -> UInt64 {
        let parts = item.split { $0 == UInt8(ascii: "/") }
        guard parts.count <= 2 else {
            throw CronMistake(position: parts[2].position - 1, message: "one step is enough")
        }
        let range = try range(of: parts[0])
        guard parts.count == 2 else { return bits(of: range, step: 1) }
        guard parts[0].string == "*" || parts[0].string.contains("-") else {
            throw CronMistake(
                position: parts[0].position,
                message:
                    "a step needs a range, such as '\(parts[0].string)-\(kind.range.upperBound)/\(parts[1].string)'")
        }
        guard let step = parts[1].number, (1...kind.range.upperBound).contains(step) else {
            throw CronMistake(
                position: parts[1].position,
                message: "the step '\(parts[1].string)' is not from 1 to \(kind.range.upperBound)")
        }
        return bits(of: range, step: step)
    }

    private func range(of part: Part) throws(CronMistake) -> ClosedRange<Int> {
        if part.string == "*" { return kind.range }
        let ends = part.split { $0 == UInt8(ascii: "-") }
        guard ends.count <= 2 else {
            throw CronMistake(position: part.position, message: "'\(part.string)' is no range")
        }
        let first = try value(of: ends[0])
        guard ends.count == 2 else { return first...first }
        var last = try value(of: ends[1])
        // As the end of a range, Sunday is the last day.
        if last == 0, first > 0, ends[1].number == nil { last = kind.range.upperBound }
        guard first <= last else {
            throw CronMistake(position: part.position, message: "the range '\(part.string)' ends before it begins")
        }
        return first...last
    }

    private func value(of part: Part) throws(CronMistake) -> Int {
        let name = part.string.uppercased()
        if let index = kind.names.firstIndex(of: name) { return kind.range.lowerBound + index }
        guard let number = part.number, kind.range.contains(number) else {
            throw CronMistake(
                position: part.position, message: "'\(part.string)' is no \(kind.noun) \(kind.choice)")
        }
        return number
    }

    private func bits(of range: ClosedRange<Int>, step: Int) -> UInt64 {
        stride(from: range.lowerBound, through: range.upperBound, by: step).reduce(0) { bits, value in
            bits | 1 << UInt64(kind.range == Kind.weekdays ? value % 7 : value)
        }
    }
}

/// A part of an expression, and where it begins.
private struct Part {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Of the first character in the whole text, from 1.
    var position: Int { bytes.startIndex + 1 }
    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Nil if there are other characters than digits, or too many.
    var number: Int? {
        guard (1...3).contains(bytes.count), bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    func split(where isSeparator: (UInt8) -> Bool) -> [Part] {
        bytes.split(omittingEmptySubsequences: false, whereSeparator: isSeparator).map(Part.init)
    }
}
