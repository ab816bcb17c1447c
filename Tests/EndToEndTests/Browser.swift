import HTTP
import JSON
import TestSupport
import Testing

/// A browser with a logged-in user: it keeps the cookies and the CSRF token.
struct Browser {
    let stack: Stack
    let user: TestUser
    let login: HTTPAnswer

    init(_ stack: Stack, _ user: TestUser) throws {
        self.stack = stack
        self.user = user
        login = try stack.patiently {
            try stack.post("/login", ["email": .string(user.email), "password": .string(user.password)])
        }
    }

    var access: String { login.cookies["access_token"]?.value ?? "" }
    var refresh: String { login.cookies["refresh_token"]?.value ?? "" }
    var csrfToken: String { login["csrf_token"].stringValue ?? "" }

    /// A request with the cookies, and with `csrf` as its CSRF token.
    func send(
        _ method: String, _ target: String, _ body: JSON? = nil, csrf: String? = nil, _ more: [(String, String)] = []
    ) throws -> HTTPAnswer {
        let cookie = ("Cookie", "theme=dark; access_token=\(access); lang=en")
        let proof = csrf.map { [("X-CSRF-TOKEN", $0)] } ?? []
        return try stack.send(method, target, body, headers: [cookie] + proof + more)
    }
}

extension HTTPAnswer {
    /// The cookies that the response sets, each with its value and its attributes as they are written.
    var cookies: [String: (value: String, attributes: String)] {
        var cookies: [String: (value: String, attributes: String)] = [:]
        for field in headers.fields where field.name.lowercased() == "set-cookie" {
            let parts = field.value.split(separator: "; ", maxSplits: 1)
            let pair = parts[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            cookies[String(pair[0])] = (String(pair.last ?? ""), String(parts.last ?? ""))
        }
        return cookies
    }
}
