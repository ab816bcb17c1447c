import Glibc
package import JSON

/// Calls the product, through nginx or in process. The same test works with both.
package protocol Caller {
    /// Sends a request with these headers, unchanged and in this order.
    func send(
        _ method: String, _ target: String, headers: [(String, String)], body: [UInt8]?
    ) throws -> HTTPAnswer
}

/// An account that a test has created for itself and logged in to.
package struct TestUser: Sendable {
    package let id: String
    package let email: String
    package let password: String
    package let token: String
}

extension Caller {
    /// Sends a JSON body.
    package func send(
        _ method: String, _ target: String, _ body: JSON? = nil, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        var all = headers
        if body != nil { all.append(("Content-Type", "application/json")) }
        if let token { all.append(bearer(token)) }
        return try send(method, target, headers: all, body: body?.serialized())
    }

    package func get(
        _ target: String, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        try send("GET", target, token: token, headers: headers)
    }

    package func post(
        _ target: String, _ body: JSON, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        try send("POST", target, body, token: token, headers: headers)
    }

    /// The header that carries a token.
    package func bearer(_ token: String) -> (String, String) { ("Authorization", "Bearer \(token)") }

    /// Creates an account and logs in to it.
    package func makeUser() throws -> TestUser {
        let unique = "\(UInt64.random(in: 0...UInt64.max))"
        let (email, password) = ("user\(unique)@example.org", "password \(unique)")
        let account: JSON = ["email": .string(email), "password": .string(password)]
        let created = try patiently { try post("/create_user", account) }
        guard let id = created["id"].stringValue else { throw TestFailure("no account: \(created.text)") }
        return TestUser(id: id, email: email, password: password, token: try token(email, password))
    }

    /// A token of the demo user, or of the user with these credentials.
    package func token(_ email: String = "user3784mail@gmail.com", _ password: String = "aFtg&89M") throws -> String {
        let answer = try patiently {
            try post("/login", ["email": .string(email), "password": .string(password)])
        }
        guard let token = answer["token"].stringValue else { throw TestFailure("no login: \(answer.text)") }
        return token
    }

    /// A token of the demo profile's admin.
    package func adminToken() throws -> String { try token("defaultadmin@admin.as", "adminpass") }

    /// Retries a call while the response is 503: tests that run in parallel may occupy all password hashing slots.
    package func patiently(_ call: () throws -> HTTPAnswer) throws -> HTTPAnswer {
        for _ in 0..<200 {
            let answer = try call()
            if answer.status != 503 { return answer }
            // No event announces that another process has released a slot.
            poll(nil, 0, 25)
        }
        return try call()
    }
}
