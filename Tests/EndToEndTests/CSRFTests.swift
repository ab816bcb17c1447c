import HTTP
import JSON
import TestSupport
import Testing

/// Requests that another site's page makes a browser send have no effect, although they carry the cookies.
@Suite struct CSRFTests {
    let stack: Stack
    let browser: Browser

    init() throws {
        stack = try Stack.shared.get()
        browser = try Browser(stack, stack.makeUser())
    }

    @Test func changesRequireTheTokenOfTheSession() throws {
        let own = browser.csrfToken
        let again = try Browser(stack, browser.user).csrfToken
        let stranger = try Browser(stack, stack.makeUser()).csrfToken
        #expect(Set([own, again, stranger]).count == 3)
        let calls: [(String, String, JSON?)] = [
            ("PATCH", "/me", ["name": "Eve"]), ("POST", "/posts", ["title": "a", "content": "b"]),
            ("PUT", "/api/data/a", ["value": 1]), ("DELETE", "/posts/00000000-0000-7000-8000-000000000000", nil),
            ("POST", "/flow-manager", .demoFlow), ("POST", "/logout", nil),
        ]
        for (method, path, body) in calls {
            for token in [nil, "", "x", again, stranger, String(own.dropLast()), "\(own)A", own.lowercased()] {
                let answer = try browser.send(method, path, body, csrf: token)
                expectProblem(answer, 403, "csrf_failed", "\(method) \(path) \(token ?? "-")")
            }
        }
        let twice = [("X-CSRF-TOKEN", own), ("X-CSRF-TOKEN", own)]
        expectProblem(try browser.send("PATCH", "/me", ["name": "Eve"], twice), 403, "csrf_failed")
        for name in ["csrf_token", "X-CSRF-TOKEN"] {
            expectProblem(try browser.send("PATCH", "/me?\(name)=\(own)", ["name": "Eve"]), 403, "csrf_failed")
        }
        #expect(try browser.send("GET", "/me")["name"] == .null)
        #expect(try browser.send("GET", "/api/data")["items"] == [])

        #expect(try browser.send("PATCH", "/me", ["name": "Ann"], csrf: own)["name"] == "Ann")
        #expect(try browser.send("PUT", "/api/data/a", ["value": 1], [("x-csrf-token", own)]).status == 200)
    }

    /// A page that is reloaded has lost its token.
    @Test func returnsTheTokenToTheHolderOfTheCookie() throws {
        for _ in 0..<2 {
            let answer = try browser.send("GET", "/csrf")
            #expect(answer.json == ["csrf_token": .string(browser.csrfToken)])
        }
        expectChallenge(try stack.get("/csrf"), "token_missing")
        let key = try stack.post("/api/keys", ["name": "k"], token: browser.access)["key"].stringValue
        expectProblem(try stack.get("/csrf", token: key), 403, "forbidden")
    }

    @Test func acceptsChangesFromItsOwnOriginOnly() throws {
        let own = "http://localhost"
        let origins: [(headers: [(String, String)], isOwn: Bool)] =
            [
                ([("Origin", own)], true), ([("Origin", own), ("Sec-Fetch-Site", "same-origin")], true),
                ([("Origin", "HTTP://LocalHost:80")], true),
                ([("Sec-Fetch-Site", "same-origin")], true), ([("Sec-Fetch-Site", "none")], true),
                ([("Sec-Fetch-Site", "cross-site")], false), ([("Sec-Fetch-Site", "same-site")], false),
                ([("Sec-Fetch-Site", "")], false), ([("Sec-Fetch-Site", "same-origin, none")], false),
                ([("Origin", own), ("Sec-Fetch-Site", "cross-site")], false),
                ([("Origin", own), ("Origin", own)], false),
                ([("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "none")], false),
            ]
            + [
                "https://evil.example", "null", "", "http://localhost.evil.example", "http://evil-localhost",
                "http://localhost:3000", "https://localhost", "http://localhost/", "http://localhost@evil.example",
                "http://localhost:443", "http://localhost,https://evil.example", "*", "localhost", "//localhost",
            ].map { ([("Origin", $0)], false) }
        let account: JSON = ["email": .string(browser.user.email), "password": .string(browser.user.password)]
        for (headers, isOwn) in origins {
            let change = try browser.send("PATCH", "/me", ["name": "Ann"], csrf: browser.csrfToken, headers)
            let login = try stack.patiently { try stack.post("/login", account, headers: headers) }
            let token = try Browser(stack, browser.user).refresh
            let cookie = ("Cookie", "refresh_token=\(token)")
            let refresh = try stack.send("POST", "/refresh", headers: headers + [cookie])
            let refreshByBody = try stack.post("/refresh", ["refresh_token": .string(token)], headers: headers)
            for answer in [change, login, refresh, refreshByBody] {
                if isOwn {
                    #expect(answer.status == 200, "\(headers) \(answer.text)")
                } else {
                    expectProblem(answer, 403, "origin_refused", "\(headers)")
                    #expect(answer.cookies.isEmpty)
                }
            }
            #expect(try stack.send("POST", "/refresh", headers: [cookie]).status == 200, "still valid after \(headers)")
            #expect(try browser.send("GET", "/me", nil, headers).status == 200, "reading changes nothing")
            let bearer = headers + [stack.bearer(browser.access)]
            let byToken = try stack.send("PATCH", "/me", ["name": "Ann"], headers: bearer)
            #expect(byToken.status == 200, "browsers add no bearer token by themselves")
        }
    }
}
