extension Endpoint {
    /// Whether the API description lists the error for this endpoint. Errors of failed tasks and internal errors need
    /// not be listed.
    package func declares(_ problem: Problem) -> Bool {
        guard let code = ProblemCode(rawValue: problem.code), code != .internalError else { return true }
        return allProblems.contains(code)
    }

    /// The errors that the endpoint may return, each once: its own, and those of the common stages, which follow from
    /// its other values. Errors of every call (500, and those of the web server) are not included.
    package var allProblems: [ProblemCode] {
        var codes = problems
        if access.needsUser { codes += [.tokenMissing, .tokenExpired, .tokenInvalid, .forbidden, .tooManyCalls] }
        if access.needsUser, method != .get { codes += [.csrfFailed, .originRefused] }
        if setsCookies { codes.append(.originRefused) }
        if rateClass.countsCalls { codes.append(.rateLimited) }
        if !parameterNames.isEmpty { codes.append(.notFound) }
        codes.append(.badRequest)
        if query.contains(where: { $0.name == "cursor" }) { codes.append(.invalidCursor) }
        if !query.isEmpty { codes.append(.uriTooLong) }
        if body.isParsed {
            codes += [
                .bodyIncomplete, .invalidJSON, .duplicateName, .numberOutOfRange, .contentTooLarge,
                .unsupportedMediaType,
            ]
            codes += [.validationFailed, .invalidValue, .invalidText, .tooManyMembers, .tooManyElements]
        }
        if case .file = body { codes += [.bodyIncomplete, .contentTooLarge, .unsupportedMediaType] }
        switch idempotency {
        case .none: break
        case .refused: codes.append(.idempotencyRefused)
        case .wholeCall:
            codes += [.idempotencyKeyInvalid, .idempotencyInProgress, .idempotencyKeyReused, .quotaExceeded]
        case .byHandler:
            codes += [.idempotencyKeyInvalid, .idempotencyInProgress, .idempotencyKeyReused, .executionDeleted]
        }
        codes.append(.unavailable)
        return codes.reduce(into: []) { distinct, code in
            if !distinct.contains(code) { distinct.append(code) }
        }
    }
}
