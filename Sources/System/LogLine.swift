/// One line of the log in a buffer that is never enlarged: what has no room is cut or left out, and the line stays
/// valid.
@safe package struct LogLine: ~Copyable {
    package enum Format: String, Sendable {
        /// One JSON object.
        case json
        /// `TIME LEVEL EVENT name=value …`, for people.
        case text
    }

    let buffer: UnsafeMutableBufferPointer<UInt8>
    let format: Format
    var count = 0

    /// Room for the end of the line, and for the longest number or escape.
    private static let reserve = 48
    /// The longest value, in bytes before escaping.
    static let longestValue = 2_000

    /// The beginning of a line, apart from its time.
    package struct Head: Sendable {
        let format: Format
        let level: StaticString
        let event: String
        /// The process id.
        let process: Int32

        package init(_ format: Format, level: StaticString, event: String, process: Int32) {
            self.format = format
            self.level = level
            self.event = event
            self.process = process
        }
    }

    /// Calls `use` with a line of at most `limit` bytes, at least 256, which has the fields that `addFields` adds.
    static func withLine<Result>(
        _ head: Head, limit: Int, _ addFields: (inout LogLine) -> Void, _ use: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: limit) { buffer in
            var line = unsafe LogLine(in: buffer, head, at: WallClock.nanoseconds / 1_000_000)
            addFields(&line)
            return unsafe use(line.finished())
        }
    }

    /// The line as bytes.
    package static func bytes(_ head: Head, _ addFields: (inout LogLine) -> Void) -> [UInt8] {
        unsafe withLine(head, limit: LineWriter.longestLine, addFields) { unsafe Array($0) }
    }

    /// Begins the line. The buffer outlives this value.
    private init(in buffer: UnsafeMutableBufferPointer<UInt8>, _ head: Head, at milliseconds: Int64) {
        unsafe self.buffer = unsafe buffer
        format = head.format
        switch format {
        case .json:
            put(literal: "{\"time\":\"")
            put(time: milliseconds)
            put(literal: "\",\"level\":\"")
            put(literal: head.level)
            put(literal: "\",\"event\":\"")
            put(head.event)
            put(literal: "\",\"pid\":")
            put(UInt64(head.process))
        case .text:
            put(time: milliseconds)
            put(literal: " ")
            put(literal: head.level)
            put(literal: " ")
            put(head.event)
        }
    }

    /// The line with its end.
    private consuming func finished() -> UnsafeBufferPointer<UInt8> {
        if format == .json { put(UInt8(ascii: "}")) }
        put(UInt8(ascii: "\n"))
        return unsafe UnsafeBufferPointer(rebasing: buffer[..<count])
    }

    /// A field with a text as its value.
    package mutating func field(_ name: StaticString, _ value: String) {
        guard begin(name) else { return }
        switch format {
        case .json: putJSON(value)
        case .text: putText(value)
        }
    }

    /// A field with a text, or nothing without one.
    package mutating func field(_ name: StaticString, optional value: String?) {
        if let value { field(name, value) }
    }

    package mutating func field(_ name: StaticString, _ number: Int) {
        guard begin(name) else { return }
        if number < 0 { put(UInt8(ascii: "-")) }
        put(UInt64(number.magnitude))
    }

    /// A field with a number of thousandths, as a decimal fraction.
    package mutating func field(_ name: StaticString, thousandths number: Int64) {
        guard begin(name) else { return }
        let (whole, rest) = UInt64(max(0, number)).quotientAndRemainder(dividingBy: 1_000)
        put(whole)
        put(UInt8(ascii: "."))
        put(rest, atLeast: 3)
    }

    /// Writes the name; false when the line has no room for another field.
    private mutating func begin(_ name: StaticString) -> Bool {
        guard room > name.utf8CodeUnitCount else { return false }
        switch format {
        case .json:
            put(UInt8(ascii: ","))
            put(UInt8(ascii: "\""))
            put(literal: name)
            put(UInt8(ascii: "\""))
            put(UInt8(ascii: ":"))
        case .text:
            put(UInt8(ascii: " "))
            put(literal: name)
            put(UInt8(ascii: "="))
        }
        return true
    }

    /// How many bytes a name or value may still occupy.
    var room: Int { unsafe buffer.count - count - Self.reserve }
}
