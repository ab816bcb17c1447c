import HTTP

/// A session's tokens as cookies: scripts cannot read them, and browsers send the refresh token to `/refresh` only.
struct SessionCookies {
    static let access = "access_token"
    static let refresh = "refresh_token"

    private let cookies: [Cookie]

    /// - Parameter secondsLeft: seconds until the session ends.
    init(access: String, refresh: String, secondsLeft: Int, for request: Request, below base: BasePath) {
        cookies = Self.pair(access, Int(Session.tokenLifetime), refresh, secondsLeft, request, base)
    }

    /// Cookies that delete both.
    init(removedBy request: Request, below base: BasePath) {
        cookies = Self.pair("", 0, "", 0, request, base)
    }

    private static func pair(
        _ access: String, _ accessAge: Int, _ refresh: String, _ refreshAge: Int, _ request: Request, _ base: BasePath
    ) -> [Cookie] {
        let isSecure = request.isSecure
        return [
            Cookie(
                Self.access, access, path: base.appending("/"), maxAge: accessAge, sameSite: .lax, isSecure: isSecure),
            Cookie(
                Self.refresh, refresh, path: base.appending("/refresh"), maxAge: refreshAge, sameSite: .strict,
                isSecure: isSecure),
        ]
    }

    func add(to response: inout Response) {
        for cookie in cookies { response.headers.append(name: "Set-Cookie", value: cookie.field) }
    }
}

extension Request {
    /// The token in the cookie of that name; nil when there is none. Throws 401 when there are two, because another
    /// site under the same domain may have set one of them.
    func token(inCookie name: String) throws -> String? {
        guard let values = cookies(named: name), values.count < 2 else { throw Problem.invalidToken }
        return values.first
    }
}
