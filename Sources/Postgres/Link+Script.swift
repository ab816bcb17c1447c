import CPostgres

extension Link {
    /// Executes a text of several statements by the simple query protocol, which pipeline mode does not support.
    ///
    /// Outside a transaction block the text is a transaction of its own.
    func runScript(_ text: String) throws(PostgresError) {
        let deadline = answerTimeout.map { ContinuousClock.now + $0 }
        guard unsafe PQexitPipelineMode(handle) == 1, unsafe PQsendQuery(handle, text) == 1 else {
            throw invalidate(PostgresError(.connectionLost, message))
        }
        var failure: PostgresError?
        while let result = try nextResult(before: deadline) {
            let refusal = try refusal(in: result)
            failure = failure ?? refusal
        }
        guard unsafe PQenterPipelineMode(handle) == 1 else { throw invalidate(PostgresError(.connectionLost, message)) }
        answered()
        if let failure { throw failure }
    }
}
