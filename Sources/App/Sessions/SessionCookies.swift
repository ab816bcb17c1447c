import HTTP

/// A session's tokens as a browser keeps them: no script reads them, and the one that renews the session is sent to
/// `/refresh` alone.
struct SessionCookies {
    static let access = "access_token"
    static let refresh = "refresh_token"

    private let cookies: [Cookie]

    /// - Parameter secondsLeft: until the session ends.
    init(access: String, refresh: String, secondsLeft: Int, for request: Request) {
        cookies = Self.pair(access, Int(Session.tokenLifetime), refresh, secondsLeft, request)
    }

    /// What takes both away.
    init(removedBy request: Request) {
        cookies = Self.pair("", 0, "", 0, request)
    }

    private static func pair(
        _ access: String, _ accessAge: Int, _ refresh: String, _ refreshAge: Int, _ request: Request
    ) -> [Cookie] {
        let isSecure = request.isSecure
        return [
            Cookie(Self.access, access, path: "/", maxAge: accessAge, sameSite: .lax, isSecure: isSecure),
            Cookie(Self.refresh, refresh, path: "/refresh", maxAge: refreshAge, sameSite: .strict, isSecure: isSecure),
        ]
    }

    func add(to response: inout Response) {
        for cookie in cookies { response.headers.append(name: "Set-Cookie", value: cookie.field) }
    }
}

extension Request {
    /// The token that a cookie of that name holds; nil when there is none. Throws 401 when there are two: one of them
    /// was planted, maybe by a neighbouring site.
    func token(inCookie name: String) throws -> String? {
        guard let values = cookies(named: name), values.count < 2 else { throw Problem.invalidToken }
        return values.first
    }
}
