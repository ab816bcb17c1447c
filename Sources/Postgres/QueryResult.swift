import CPostgres

/// Owns one `PGresult`; cleared when the last row that refers to it is released.
@safe final class QueryResult {
    private let handle: OpaquePointer
    let rowCount: Int
    let columnCount: Int

    init(_ handle: OpaquePointer) {
        unsafe self.handle = handle
        rowCount = unsafe Int(PQntuples(handle))
        columnCount = unsafe Int(PQnfields(handle))
    }

    deinit { unsafe PQclear(handle) }

    var status: ExecStatusType { unsafe PQresultStatus(handle) }

    /// True when the statement has no further result: libpq must not be asked for one.
    var endsBatch: Bool {
        switch status {
        case PGRES_PIPELINE_SYNC, PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: true
        default: false
        }
    }

    /// The server's command tag, such as `COMMIT` or `UPDATE 3`.
    var commandTag: String { unsafe String(cString: PQcmdStatus(handle)) }

    /// How many rows a statement wrote or returned; 0 for statements that do neither.
    var affectedRowCount: Int { unsafe Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    func columnName(_ column: Int) -> String? {
        unsafe PQfname(handle, Int32(column)).map { unsafe String(cString: $0) }
    }

    /// Decodes a value in place.
    func value<Value: PostgresDecodable>(
        _ type: Value.Type, row: Int, column: Int
    ) throws(PostgresMismatch) -> Value {
        let (row, column) = (Int32(row), Int32(column))
        guard unsafe PQgetisnull(handle, row, column) == 0, let start = unsafe PQgetvalue(handle, row, column) else {
            return try Value(postgresText: nil)
        }
        let bytes = unsafe UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self),
            count: Int(PQgetlength(handle, row, column)))
        return try unsafe Value(postgresText: bytes.span)
    }

    /// The server's error, without the parts that may quote values or the statement.
    ///
    /// - Parameter sessionEnded: whether the connection is broken.
    func error(sessionEnded: Bool) -> PostgresError {
        let state = field(flow_field_sqlstate).map(SQLState.init)
        let severity = field(flow_field_severity)
        // A pooler that has lost the server reports class 08, without the field from which the severity is read here.
        let isLost =
            sessionEnded || state == nil || state?.conditionClass == "08" || severity == "FATAL" || severity == "PANIC"
        // Messages of class 22 quote the invalid value. If the server sent no error, the message is libpq's own.
        let message = state?.isDataException == true ? nil : field(flow_field_message)
        let kind: PostgresError.Kind = if let state, !isLost { .server(state) } else { .connectionLost }
        var error = PostgresError(kind, message ?? "", sqlState: state, constraint: field(flow_field_constraint))
        // "cached plan must not change result type" shares its SQLSTATE with many errors; the function that reports it
        // is unique.
        error.isStaleStatement =
            state == .undefinedStatement || field(flow_field_function) == "RevalidateCachedQuery"
        return error
    }

    private func field(_ code: Int32) -> String? {
        unsafe PQresultErrorField(handle, code).map { unsafe String(cString: $0) }
    }
}
