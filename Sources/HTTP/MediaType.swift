/// A media type (RFC 9110, section 8.3.1).
package struct MediaType: Sendable {
    /// Type and subtype in lower case: `application/json`.
    package let name: String
    /// In their order, with names in lower case.
    package let parameters: [(name: String, value: String)]

    /// Nil for text that is not a media type.
    package init?(parsing text: String) {
        var scanner = FieldScanner(text)
        scanner.skipSpace()
        guard let type = scanner.token(), scanner.skip("/"), let subtype = scanner.token() else { return nil }
        var parameters: [(name: String, value: String)] = []
        scanner.skipSpace()
        while scanner.skip(";") {
            scanner.skipSpace()
            // A parameter may be missing between two semicolons, and after the last one.
            if let name = scanner.token() {
                guard scanner.skip("="), let value = scanner.word() else { return nil }
                parameters.append((name: name.lowercased(), value: value))
                scanner.skipSpace()
            }
        }
        guard scanner.isAtEnd else { return nil }
        name = "\(type)/\(subtype)".lowercased()
        self.parameters = parameters
    }

    /// Whether every `charset` that it names is UTF-8.
    package var isUTF8: Bool { parameters.allSatisfy { $0.name != "charset" || $0.value.lowercased() == "utf-8" } }
}
