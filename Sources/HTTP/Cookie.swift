/// A cookie that a browser stores, inaccessible to the scripts of pages (RFC 6265, section 4.1).
package struct Cookie: Sendable {
    /// On which calls caused by other sites a browser sends the cookie (RFC 6265bis, section 4.1.2.7).
    package enum SameSite: String, Sendable {
        case strict = "Strict"
        /// Also when a link on another site leads here.
        case lax = "Lax"
    }

    private let name: String
    private let value: String
    private let path: String
    private let maxAge: Int
    private let sameSite: SameSite
    private let isSecure: Bool

    /// - Parameters:
    ///   - path: the cookie is sent with calls of this path and below.
    ///   - maxAge: in seconds; 0 deletes the cookie.
    ///   - isSecure: whether the cookie is sent over TLS only.
    package init(
        _ name: String, _ value: String, path: String, maxAge: Int, sameSite: SameSite, isSecure: Bool
    ) {
        self.name = name
        self.value = value
        self.path = path
        self.maxAge = maxAge
        self.sameSite = sameSite
        self.isSecure = isSecure
    }

    /// The value of `Set-Cookie`.
    package var field: String {
        "\(name)=\(value); Path=\(path); Max-Age=\(maxAge); HttpOnly; SameSite=\(sameSite.rawValue)"
            + (isSecure ? "; Secure" : "")
    }
}

extension Request {
    /// The maximum number of cookies that are read; browsers store fewer for one site.
    private static let maximumCookies = 200

    /// The values of the cookies with that name (RFC 6265, section 4.2.1); nil when there are more than the maximum, or
    /// more than the one `Cookie` field that browsers send.
    package func cookies(named name: String) -> [String]? {
        guard headers.count(of: "cookie") < 2 else { return nil }
        guard let field = headers["cookie"] else { return [] }
        let pairs = field.utf8.split(separator: UInt8(ascii: ";"), maxSplits: Self.maximumCookies)
        guard pairs.count <= Self.maximumCookies else { return nil }
        return pairs.compactMap { pair in
            let pair = pair.drop { $0 == UInt8(ascii: " ") }
            let value = pair.dropFirst(name.utf8.count)
            guard pair.starts(with: name.utf8), value.first == UInt8(ascii: "=") else { return nil }
            return String(value.dropFirst())
        }
    }
}
