/// A statement and the values bound to it, written as a string: literal text is SQL, `\(value)` is a bind.
///
///     "SELECT id FROM users WHERE email = \(email)"      // SELECT id FROM users WHERE email = $1
///
/// An interpolated `SQL` is inserted with its binds renumbered. Text that comes from anywhere but this program's
/// source reaches a statement only through the interpolation that is named unsafe.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// The text with `$1`, `$2`, … where the binds belong. Equal texts share one prepared statement.
    private(set) var text = ""
    private(set) var binds = Binds()
    /// Where in the UTF-8 of `text` each placeholder begins, for renumbering.
    private var placeholders: [Int] = []

    /// Nothing, to append to.
    package init() {}

    package init(stringLiteral value: String) { text = value }

    package init(stringInterpolation: Interpolation) { self = stringInterpolation.sql }

    /// Appends another piece with its binds; the caller sees to the space between.
    package mutating func append(_ other: SQL) {
        if placeholders.isEmpty || other.placeholders.isEmpty {
            let shift = text.utf8.count
            text += other.text
            placeholders += other.placeholders.map { $0 + shift }
        } else {
            appendRenumbered(other)
        }
        binds.append(other.binds)
    }

    private mutating func appendRenumbered(_ other: SQL) {
        let source = other.text.utf8
        var copied = source.startIndex
        for (index, offset) in other.placeholders.enumerated() {
            let placeholder = source.index(source.startIndex, offsetBy: offset)
            text += other.text[copied..<placeholder]
            appendPlaceholder()
            copied = source.index(placeholder, offsetBy: 1 + String(index + 1).utf8.count)
        }
        text += other.text[copied...]
    }

    private mutating func appendPlaceholder() {
        placeholders.append(text.utf8.count)
        text += "$"
        text += String(placeholders.count)
    }

    /// Collects a string literal; the compiler calls it.
    package struct Interpolation: StringInterpolationProtocol {
        fileprivate var sql = SQL()

        package init(literalCapacity: Int, interpolationCount: Int) {
            sql.text.reserveCapacity(literalCapacity + 2 * interpolationCount)
            sql.placeholders.reserveCapacity(interpolationCount)
            sql.binds.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { sql.text += literal }

        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            sql.appendPlaceholder()
            value.encode(to: &sql.binds)
        }

        /// Binds NULL for nil. It has a label because the compiler takes an optional without one for a mistake.
        package mutating func appendInterpolation(optional value: (some PostgresEncodable)?) {
            appendInterpolation(value)
        }

        /// nil is NULL.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            sql.appendPlaceholder()
            if let value { value.encode(to: &sql.binds) } else { sql.binds.appendNull() }
        }

        package mutating func appendInterpolation(_ other: SQL) { sql.append(other) }

        /// Text that becomes SQL as it stands. Whoever calls this vouches for it.
        package mutating func appendInterpolation(unsafeRaw text: String) {
            sql.text += text
            if text.utf8.contains(0) { sql.binds.refuse() }
        }
    }
}

extension Sequence<SQL> {
    /// The pieces in order with `separator` between them, such as conditions with `" AND "`.
    package func joined(separator: SQL) -> SQL {
        var joined = SQL()
        var isFirst = true
        for piece in self {
            if !isFirst { joined.append(separator) }
            joined.append(piece)
            isFirst = false
        }
        return joined
    }
}
