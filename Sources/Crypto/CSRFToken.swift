/// What a page shows beside its user's cookie, to prove that it may read what we answer: a code over the session's id,
/// the same for as long as session and key last. It is made anew wherever it is needed and stored nowhere.
extension TokenIssuer {
    package func csrfToken(session: String) -> String {
        Base64URL.encode(keys.signing.csrf.code(for: session.utf8))
    }

    /// Whether we made it for that session, with a key whose access tokens are good.
    package func isCSRFToken(_ text: String, session: String) -> Bool {
        guard let code = Base64URL.decode(text.utf8) else { return false }
        return keys.verifying.contains { $0.csrf.isValid(code, for: session.utf8) }
    }
}
