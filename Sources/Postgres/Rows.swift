package import JSON

/// The rows that a statement returned, in order. Values are copied only when a row is decoded.
///
/// Not `Sendable`: decode on the connection's thread and pass on the decoded values.
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

    /// The only row; throws `decoding` when there is none or more than one.
    package var only: Row {
        get throws(PostgresError) {
            guard count == 1 else { throw PostgresError(.decoding, "\(count) rows instead of one") }
            return self[0]
        }
    }
}

/// One row; its columns are read by position.
package struct Row {
    fileprivate let result: QueryResult
    fileprivate let index: Int

    /// The columns, to be read one after another: each type that is made from a row reads its own.
    package var columns: Columns { Columns(result: result, row: index) }

    /// Decodes all columns, one per type: `row.decode(Int64.self, String?.self)`.
    ///
    /// - Throws: `decoding` when there are more or fewer columns than types, when a column is NULL and its type is not
    ///   optional, or when the text of a column is not a value of its type.
    package func decode<each Value: PostgresDecodable>(
        _ types: repeat (each Value).Type
    ) throws(PostgresError) -> (repeat each Value) {
        var count = 0
        for _ in repeat each types { count += 1 }
        try requireColumns(count)
        var columns = columns
        return (repeat try columns.next((each Value).self))
    }

    /// Decodes the only column. (A parameter pack of one would return a tuple of one, which Swift does not have.)
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

/// The columns of one row, read one after another.
///
/// Reading one throws `decoding` when there is none left, when it is NULL and its type is not optional, or when its
/// text is not a value of its type. Columns that are not read are ignored.
package struct Columns {
    private let result: QueryResult
    private let row: Int
    private var column = 0

    fileprivate init(result: QueryResult, row: Int) {
        self.result = result
        self.row = row
    }

    // A method for each type, because a generic one looks its type up for each value.
    package mutating func next() throws(PostgresError) -> String { try next(String.self) }
    package mutating func next() throws(PostgresError) -> String? { try next(String?.self) }
    package mutating func next() throws(PostgresError) -> Int64 { try next(Int64.self) }
    package mutating func next() throws(PostgresError) -> Int64? { try next(Int64?.self) }
    package mutating func next() throws(PostgresError) -> Bool { try next(Bool.self) }
    package mutating func next() throws(PostgresError) -> JSON { try next(JSON.self) }

    /// Passes over one column.
    package mutating func skip() { column += 1 }

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
