import HTTP
import JSON
import TestSupport
import Testing

/// Authentication by cookie: the attributes of the cookies, and which cookies are accepted.
@Suite struct CookieTests {
    let stack: Stack
    let browser: Browser

    init() throws {
        stack = try Stack.shared.get()
        browser = try Browser(stack, stack.makeUser())
    }

    @Test func loginSetsTheTokensAsCookies() throws {
        let login = browser.login
        #expect(login.status == 200)
        #expect(login.cookies.count == 2)
        #expect(login["access_token"] == .string(browser.access))
        #expect(login["refresh_token"] == .string(browser.refresh))
        #expect(login.cookies["access_token"]?.attributes == "Path=/; Max-Age=1800; HttpOnly; SameSite=Lax")
        #expect(
            login.cookies["refresh_token"]?.attributes
                == "Path=/refresh; Max-Age=2592000; HttpOnly; SameSite=Strict")
        #expect(try stack.get("/me", token: browser.access).cookies.isEmpty)
    }

    @Test(arguments: [([("HTTPS", "on")], true), ([("HTTPS", "off")], false), ([("HTTPS", "")], false)])
    func cookiesAreSecureOverTLS(params: [(String, String)], isSecure: Bool) throws {
        let body = JSON.object(JSONObject([.init(name: "refresh_token", value: .string(browser.refresh))])).serialized()
        let answer = try FastCGIClient(path: stack.socket).exchange(
            stack.params("POST", "/refresh", length: body.count, params), body: body)
        let cookies = answer.headers.filter { $0.name == "set-cookie" }
        #expect(cookies.count == 2)
        for cookie in cookies { #expect(cookie.value.hasSuffix("; Secure") == isSecure, "\(cookie.value)") }
    }

    @Test func cookieAuthenticatesLikeTheToken() throws {
        let answer = try browser.send("GET", "/me")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["id"] == .string(browser.user.id))
        #expect(try browser.send("HEAD", "/me").status == 200)
        #expect(try stack.get("/me", headers: [("Cookie", "access_token=\(browser.access)")]).status == 200)
    }

    /// The `Authorization` header takes precedence over the cookie.
    @Test func cookieDoesNotReplaceARejectedToken() throws {
        let wrong = ["Bearer x", "Bearer \(browser.access)x", "Bearer \(browser.refresh)", "Bearer fm_x", "bearer x"]
        for field in wrong {
            expectChallenge(try browser.send("GET", "/me", nil, [("Authorization", field)]), "token_invalid", field)
        }
        for field in ["Basic dXNlcjpwYXNz", "Bearer", "Token \(browser.access)"] {
            expectChallenge(try browser.send("GET", "/me", nil, [("Authorization", field)]), "token_missing", field)
        }
        let other = try stack.makeUser()
        #expect(try browser.send("GET", "/me", nil, [stack.bearer(other.token)])["id"] == .string(other.id))
        let named = try browser.send("PATCH", "/me", ["name": "Ann"], [stack.bearer(other.token)])
        #expect(named["id"] == .string(other.id), "requests with a bearer token need no CSRF token")
    }

    @Test func rejectsOtherCookies() throws {
        let token = browser.access
        let key = try stack.post("/api/keys", ["name": "k"], token: token)["key"].stringValue ?? ""
        let many = (0..<200).map { "a\($0)=1; " }.joined()
        for field in [
            "access_token=", "access_token=x", "access_token=\(browser.refresh)", "access_token=\(key)",
            "access_token=\"\(token)\"", "access_token=\(token) ", "access_token=\(token)x",
            "access_token=\(token); access_token=\(token)", "access_token=x; access_token=\(token)",
            "\(many)access_token=\(token)",
        ] {
            // nginx removes whitespace at the end of a header.
            let isTrimmed = field.last == " "
            let answer = try stack.get("/me", headers: [("Cookie", isTrimmed ? field + "; a=1" : field)])
            expectChallenge(answer, "token_invalid", field)
        }
        for field in [
            "", "a=1", "ACCESS_TOKEN=\(token)", "xaccess_token=\(token)", "a=access_token=\(token)", "access_token",
            "refresh_token=\(browser.refresh)", "csrf_token=\(browser.csrfToken)",
        ] {
            expectChallenge(try stack.get("/me", headers: [("Cookie", field)]), "token_missing", field)
        }
        let cookie = ("Cookie", "access_token=\(token)")
        expectChallenge(try stack.get("/me", headers: [cookie, cookie]), "token_invalid", "two fields")
    }

    @Test func logoutDeletesTheCookiesAndEndsTheSession() throws {
        expectProblem(try browser.send("POST", "/logout"), 403, "csrf_failed")
        let answer = try browser.send("POST", "/logout", nil, csrf: browser.csrfToken)
        #expect(answer.status == 204)
        #expect(answer.cookies["access_token"]?.value == "")
        #expect(answer.cookies["access_token"]?.attributes == "Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        #expect(
            answer.cookies["refresh_token"]?.attributes == "Path=/refresh; Max-Age=0; HttpOnly; SameSite=Strict")
        expectChallenge(try browser.send("GET", "/me"), "token_invalid")
        expectChallenge(try refresh(), "token_invalid")
        let all = try stack.post("/logout", ["all": true], token: browser.user.token)
        #expect(all.cookies.count == 2)
    }

    @Test func refreshByCookieNeedsNoCSRFToken() throws {
        let answer = try refresh()
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["csrf_token"] == .string(browser.csrfToken))
        #expect(answer["refresh_token"] != .string(browser.refresh))
        #expect(answer.cookies["refresh_token"]?.value == answer["refresh_token"].stringValue)
        #expect(answer.cookies["access_token"]?.value == answer["access_token"].stringValue)
        let attributes = answer.cookies["refresh_token"]?.attributes.split(separator: "; ") ?? []
        let age = try #require(attributes.first { $0.hasPrefix("Max-Age=") }.flatMap { Int($0.dropFirst(8)) })
        #expect((2_591_000...2_592_000).contains(age), "the remaining lifetime of the session")
    }

    @Test func refreshTokenInTheBodyTakesPrecedence() throws {
        let other = try Browser(stack, stack.makeUser())
        let cookie = ("Cookie", "refresh_token=\(browser.refresh)")
        let answer = try stack.post("/refresh", ["refresh_token": .string(other.refresh)], headers: [cookie])
        #expect(try stack.get("/me", token: answer["token"].stringValue)["id"] == .string(other.user.id))
        expectChallenge(try stack.post("/refresh", ["refresh_token": "x"], headers: [cookie]), "token_invalid")
        expectChallenge(try stack.post("/refresh", [:]), "token_missing")
        expectChallenge(try stack.send("POST", "/refresh"), "token_missing")
        let two = ("Cookie", "refresh_token=\(browser.refresh); refresh_token=\(browser.refresh)")
        expectChallenge(try stack.send("POST", "/refresh", headers: [two]), "token_invalid")
        #expect(try refresh().status == 200, "no rejected request has used the token")
    }

    private func refresh() throws -> HTTPAnswer {
        try stack.send("POST", "/refresh", headers: [("Cookie", "refresh_token=\(browser.refresh)")])
    }
}
