import Crypto

/// What a page sends with its user's cookie, to prove that it can read this server's responses: a code over the
/// session's id, the same as long as the session and the key last. It is computed when it is needed, and never stored.
extension TokenIssuer {
    package func csrfToken(session: String) -> String {
        Base64URL.encode(keys.signing.csrf.code(for: session.utf8))
    }

    /// Whether this server made it for that session, with a key for valid access tokens.
    package func isCSRFToken(_ text: String, session: String) -> Bool {
        guard let code = Base64URL.decode(text.utf8) else { return false }
        return keys.verifying.contains { $0.csrf.isValid(code, for: session.utf8) }
    }
}
