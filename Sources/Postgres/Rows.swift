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

/// One row; its columns are taken by position, all at once.
package struct Row {
    fileprivate let result: QueryResult
    fileprivate let index: Int

    /// The columns from the first on, one a type: `row.decode(Int64.self, String?.self)`.
    ///
    /// - Throws: `decoding` when there are more or fewer columns than types, when a column is NULL and its type is
    ///   not optional, or when the text of a column is no value of its type.
    package func decode<each Value: PostgresDecodable>(
        _ types: repeat (each Value).Type
    ) throws(PostgresError) -> (repeat each Value) {
        var column = 0
        for _ in repeat each types { column += 1 }
        try requireColumns(column)
        column = 0
        return (repeat try value((each Value).self, inNext: &column))
    }

    /// The only column. (A pack of one would come back as a tuple of one, which Swift has no use for.)
    package func decode<Value: PostgresDecodable>(_ type: Value.Type) throws(PostgresError) -> Value {
        try requireColumns(1)
        var column = 0
        return try value(type, inNext: &column)
    }

    private func requireColumns(_ count: Int) throws(PostgresError) {
        guard count == result.columnCount else {
            throw PostgresError(.decoding, "\(count) types for \(result.columnCount) columns")
        }
    }

    private func value<Value: PostgresDecodable>(
        _ type: Value.Type, inNext column: inout Int
    ) throws(PostgresError) -> Value {
        defer { column += 1 }
        do {
            return try result.value(type, row: index, column: column)
        } catch {
            let name = result.columnName(column) ?? ""
            throw PostgresError(.decoding, "column \(column + 1), \(name), is no \(type)")
        }
    }
}
