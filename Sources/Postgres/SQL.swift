/// A statement and the values bound to it, written as a string: literal text is SQL, `\(value)` is a bind.
///
///     "SELECT id FROM users WHERE email = \(email)"      // SELECT id FROM users WHERE email = $1
///
/// An interpolated `SQL` is inserted with its binds renumbered. Text that is not a literal of this program's source
/// gets into a statement only through the interpolation `unsafeRaw`.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    private(set) var shape = Shape()
    private(set) var binds = Binds()

    /// The statement without its values. Equal shapes share one prepared statement.
    struct Shape: Hashable, Sendable {
        fileprivate var pieces: [Piece] = []
        /// The texts of the raw pieces, in order.
        fileprivate var raws: [String] = []

        /// Uses only the first piece and the number of pieces: hardly any two statements begin with the same literal.
        func hash(into hasher: inout Hasher) {
            hasher.combine(pieces.count)
            hasher.combine(pieces.first)
        }
    }

    /// An empty statement, to append to.
    package init() {}

    package init(stringLiteral value: StaticString) { shape.pieces = [Piece(value)] }

    package init(stringInterpolation: Interpolation) { self = stringInterpolation.sql }

    /// Appends another piece with its binds; the caller adds the space between them.
    package mutating func append(_ other: SQL) {
        shape.pieces += other.shape.pieces
        if !other.shape.raws.isEmpty { shape.raws += other.shape.raws }
        if !other.binds.isEmpty { binds.append(other.binds) }
    }

    /// Collects a string literal; the compiler calls it.
    package struct Interpolation: StringInterpolationProtocol {
        fileprivate var sql = SQL()

        package init(literalCapacity: Int, interpolationCount: Int) {
            sql.shape.pieces.reserveCapacity(2 * interpolationCount + 1)
            sql.binds.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: StaticString) {
            if literal.utf8CodeUnitCount > 0 { sql.shape.pieces.append(Piece(literal)) }
        }

        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            sql.shape.pieces.append(.bind)
            value.encode(to: &sql.binds)
        }

        /// Binds NULL for nil. It has a label because the compiler treats an unlabelled optional as a mistake.
        package mutating func appendInterpolation(optional value: (any PostgresEncodable)?) {
            sql.shape.pieces.append(.bind)
            if let value { value.encode(to: &sql.binds) } else { sql.binds.appendNull() }
        }

        package mutating func appendInterpolation(_ other: SQL) { sql.append(other) }

        /// Inserts the text as SQL, verbatim. The caller must ensure that it is safe.
        package mutating func appendInterpolation(unsafeRaw text: String) {
            sql.shape.pieces.append(.raw)
            sql.shape.raws.append(text)
            if text.utf8.contains(0) { sql.binds.refuse() }
        }
    }
}

extension SQL {
    /// A literal of the source, or the placeholder of a value or of a raw text. A literal is identified by its address:
    /// its text is neither copied nor read before the server prepares the statement. Two numbers, so that statements
    /// are assembled by copying bytes.
    fileprivate struct Piece: Hashable, Sendable {
        private let address: UInt
        private let count: Int

        /// The next bound value.
        static let bind = Piece(address: 0, count: 1)
        /// The next raw text.
        static let raw = Piece(address: 0, count: 2)

        private init(address: UInt, count: Int) {
            self.address = address
            self.count = count
        }

        init(_ literal: StaticString) {
            // A literal of one scalar may be stored as that scalar instead of a pointer.
            precondition(literal.hasPointerRepresentation, "SQL of one character")
            unsafe self.init(address: UInt(bitPattern: literal.utf8Start), count: literal.utf8CodeUnitCount)
        }

        var literal: String {
            let start = unsafe UnsafePointer<UInt8>(bitPattern: address)
            return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
        }
    }
}

extension SQL.Shape {
    /// The statement, with `$1`, `$2`, … for the values.
    var text: String {
        var text = ""
        var number = 0
        var raws = raws.makeIterator()
        for piece in pieces {
            switch piece {
            case .bind:
                number += 1
                text += "$\(number)"
            case .raw: text += raws.next() ?? ""
            default: text += piece.literal
            }
        }
        return text
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
