/// The round trip of a session that took longest: the statements that were sent together, and how long their answers
/// were awaited. The server sends the answers together too, so it is not known which of them took how long.
package struct SlowStatement: Sendable, Equatable {
    /// A shorter round trip is not recorded, because that costs an allocation, and under load each commit takes
    /// milliseconds.
    static let shortest = Duration.milliseconds(10)

    private let shapes: [SQL.Shape]
    package let duration: Duration

    init(_ batch: ArraySlice<SQL>, _ duration: Duration) {
        shapes = batch.map(\.shape)
        self.duration = duration
    }

    /// Their texts in one line, with `$1` and so on for values.
    package var text: String {
        shapes.map { $0.text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }.joined(separator: "; ")
    }
}
