package import JSON

/// The rows a statement returned, in order. Values are copied out only where a row is decoded.
///
/// Not `Sendable`: decode on the connection's thread and hand on what came out.
package struct Rows: RandomAccessCollection {
    private let result: QueryResult

    init(_ result: QueryResult) { self.result = result }

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }

    package subscript(position: Int) -> Row {
        precondition(indices.contains(position), "row \(position) of \(count)")
        return Row(result: result, index: position)
    }

    /// How many rows the statement wrote, or returned.
    package var affectedCount: Int { result.affectedRowCount }

    /// The one row of a statement that must have one; `decoding` is thrown when it has none or more.
    package var only: Row {
        get throws(PostgresError) {
            guard count == 1 else { throw PostgresError(.decoding, "\(count) rows where one is due") }
            return self[0]
        }
    }
}

/// One row; its columns are taken by position.
package struct Row {
    fileprivate let result: QueryResult
    fileprivate let index: Int

    /// The columns, to be taken in parts: each type that is made from a row reads its own.
    package var columns: Columns { Columns(result: result, row: index) }

    /// The columns from the first on, one a type: `row.decode(Int64.self, String?.self)`.
    ///
    /// - Throws: `decoding` when there are more or fewer columns than types, when a column is NULL and its type is
    ///   not optional, or when the text of a column is no value of its type.
    package func decode<each Value: PostgresDecodable>(
        _ types: repeat (each Value).Type
    ) throws(PostgresError) -> (repeat each Value) {
        var count = 0
        for _ in repeat each types { count += 1 }
        try requireColumns(count)
        var columns = columns
        return (repeat try columns.next((each Value).self))
    }

    /// The only column. (A pack of one would come back as a tuple of one, which Swift has no use for.)
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> Value {
        try requireColumns(1)
        var columns = columns
        return try columns.next(type)
    }

    private func requireColumns(_ count: Int) throws(PostgresError) {
        guard count == result.columnCount else {
            throw PostgresError(.decoding, "\(count) types for \(result.columnCount) columns")
        }
    }
}

/// The columns of one row, taken one after another.
///
/// Taking one throws `decoding` when there is none left, when it is NULL and its type is not optional, or when its text
/// is no value of its type. Columns that nobody takes go unnoticed.
package struct Columns {
    private let result: QueryResult
    private let row: Int
    private var column = 0

    fileprivate init(result: QueryResult, row: Int) {
        self.result = result
        self.row = row
    }

    // A method for each type, as a generic one would look its type up at each value.
    package mutating func next() throws(PostgresError) -> String { try next(String.self) }
    package mutating func next() throws(PostgresError) -> String? { try next(String?.self) }
    package mutating func next() throws(PostgresError) -> Int64 { try next(Int64.self) }
    package mutating func next() throws(PostgresError) -> Int64? { try next(Int64?.self) }
    package mutating func next() throws(PostgresError) -> Bool { try next(Bool.self) }
    package mutating func next() throws(PostgresError) -> JSON { try next(JSON.self) }

    package mutating func next<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> Value {
        defer { column += 1 }
        guard column < result.columnCount else { throw PostgresError(.decoding, "no column \(column + 1)") }
        do {
            return try result.value(type, row: row, column: column)
        } catch {
            let name = result.columnName(column) ?? ""
            throw PostgresError(.decoding, "column \(column + 1), \(name), is no \(type)")
        }
    }
}
