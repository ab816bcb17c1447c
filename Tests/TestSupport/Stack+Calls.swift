import Glibc
package import JSON

/// An account that a test has made for itself, logged in.
package struct TestUser: Sendable {
    package let id: String
    package let email: String
    package let password: String
    package let token: String
}

extension Stack {
    /// Makes an account and logs it in.
    package func makeUser() throws -> TestUser {
        let unique = "\(UInt64.random(in: 0...UInt64.max))"
        let (email, password) = ("user\(unique)@example.org", "password \(unique)")
        let account: JSON = ["email": .string(email), "password": .string(password)]
        let made = try patiently { try post("/create_user", account) }
        guard let id = made["id"].stringValue else { throw TestFailure("no account: \(made.text)") }
        return TestUser(id: id, email: email, password: password, token: try token(email, password))
    }

    /// Repeats a call while it is answered 503: tests beside each other may take all places for password hashes.
    package func patiently(_ call: () throws -> HTTPAnswer) throws -> HTTPAnswer {
        for _ in 0..<200 {
            let answer = try call()
            if answer.status != 503 { return answer }
            poll(nil, 0, 25)
        }
        return try call()
    }

    /// Everything that any part has logged. nginx holds lines back for up to a second, each of its workers its own.
    package func completeLogs() throws -> String {
        let markers = (0..<20).map { _ in "marker-\(UInt64.random(in: 0...UInt64.max))" }
        for marker in markers { _ = try get("/health", headers: [("X-Request-Id", marker)]) }
        for _ in 0..<500 {
            let logs = logs
            if markers.allSatisfy({ logs.contains($0) }) { return logs }
            poll(nil, 0, 20)
        }
        throw TestFailure("nginx logs nothing")
    }

    /// A token of the demo user, or of another one.
    package func token(_ email: String = "user3784mail@gmail.com", _ password: String = "aFtg&89M") throws -> String {
        let answer = try patiently {
            try post("/login", ["email": .string(email), "password": .string(password)])
        }
        guard let token = answer["token"].stringValue else { throw TestFailure("no login: \(answer.text)") }
        return token
    }

    /// A token of the demo profile's admin.
    package func adminToken() throws -> String { try token("defaultadmin@admin.as", "adminpass") }

    /// The header that carries a token.
    package func bearer(_ token: String) -> (String, String) { ("Authorization", "Bearer \(token)") }

    package func get(
        _ target: String, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        try client.send("GET", target, headers: headers + (token.map { [bearer($0)] } ?? []))
    }

    package func post(
        _ target: String, _ body: JSON, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        try send("POST", target, body, token: token, headers: headers)
    }

    /// Sends JSON bodies to one place, all at once.
    package func post(_ target: String, atOnce bodies: [JSON], token: String? = nil) throws -> [HTTPAnswer] {
        let headers = [("Content-Type", "application/json")] + (token.map { [bearer($0)] } ?? [])
        return try client.exchange(
            atOnce: bodies.map { client.message("POST", target, headers: headers, body: $0.serialized()) })
    }

    /// The params of a request that comes straight to the socket, with the secret of the web server.
    package func params(
        _ method: String, _ target: String, length: Int? = nil, _ more: [(String, String)] = []
    ) -> [(String, String)] {
        [
            ("REQUEST_METHOD", method), ("REQUEST_URI", target), ("REMOTE_ADDR", "192.0.2.7"), ("FLOW_GATE", gate),
            ("CONTENT_TYPE", "application/json"), ("CONTENT_LENGTH", length.map(String.init) ?? ""),
        ] + more
    }

    /// Sends a JSON body.
    package func send(
        _ method: String, _ target: String, _ body: JSON? = nil, token: String? = nil, headers: [(String, String)] = []
    ) throws -> HTTPAnswer {
        var all = headers
        if body != nil { all.append(("Content-Type", "application/json")) }
        if let token { all.append(bearer(token)) }
        return try client.send(method, target, headers: all, body: body?.serialized())
    }
}

extension JSON {
    /// The example of the interface: fetch, process, store.
    package static let demoFlow: JSON = [
        "flow": [
            "id": "flow123", "name": "Data processing flow", "start_task": "task1",
            "tasks": [
                ["name": "task1", "description": "Fetch data"],
                ["name": "task2", "description": "Process data"],
                ["name": "task3", "description": "Store data"],
            ],
            "conditions": [
                [
                    "name": "condition_task1_result",
                    "description": "If task1 succeeds, go on to task2, otherwise end.", "source_task": "task1",
                    "outcome": "success", "target_task_success": "task2", "target_task_failure": "end",
                ],
                [
                    "name": "condition_task2_result",
                    "description": "If task2 succeeds, go on to task3, otherwise end.", "source_task": "task2",
                    "outcome": "success", "target_task_success": "task3", "target_task_failure": "end",
                ],
            ],
        ],
        "input": [:],
    ]
}
