extension Endpoint {
    /// Every error that the endpoint may answer, each once: its own, and those of the common stages, which follow from
    /// what it says of itself.
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
        return codes.enumerated().filter { codes[..<$0.offset].contains($0.element) == false }.map(\.element)
    }
}
