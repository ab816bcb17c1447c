extension Endpoint {
    /// Whether the API description names the error for this endpoint; one of a failed task, or of the program's own
    /// failure, it need not name.
    package func declares(_ problem: Problem) -> Bool {
        guard let code = ProblemCode(rawValue: problem.code), code != .internalError else { return true }
        return allProblems.contains(code)
    }

    /// The errors that the endpoint may answer, each once: its own, and those of the common stages, which follow from
    /// its other values. Those that any call may meet (500, and the web server's own) are not among them.
    package var allProblems: [ProblemCode] {
        var codes = problems
        if access != .everyone { codes += [.tokenMissing, .tokenExpired, .tokenInvalid, .forbidden] }
        if access != .everyone, method != .get { codes += [.csrfFailed, .originRefused] }
        if path.contains("{") { codes.append(.notFound) }
        codes.append(.badRequest)
        if query.contains(where: { $0.name == "cursor" }) { codes.append(.invalidCursor) }
        if !query.isEmpty { codes.append(.uriTooLong) }
        if body.schema != nil {
            codes += [
                .bodyIncomplete, .invalidJSON, .duplicateName, .numberOutOfRange, .contentTooLarge,
                .unsupportedMediaType,
            ]
            codes += [.validationFailed, .invalidValue, .invalidText, .tooManyMembers, .tooManyElements]
        }
        switch idempotency {
        case .none: break
        case .refused: codes.append(.idempotencyRefused)
        case .wholeCall, .byHandler: codes += [.idempotencyKeyInvalid, .idempotencyInProgress, .idempotencyKeyReused]
        }
        codes.append(.unavailable)
        return codes.reduce(into: []) { distinct, code in
            if !distinct.contains(code) { distinct.append(code) }
        }
    }
}
