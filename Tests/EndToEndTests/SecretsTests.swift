import JSON
import Postgres
import System
import TestSupport
import Testing

/// Secrets do not appear in logs, in responses that should not contain them, on the pages of operators, or in the
/// process list.
@Suite struct SecretsTests {
    /// A separate stack, since the test breaks it.
    let stack: Stack
    let user: TestUser

    private static let metricsToken = "token-of-the-metrics-0123456789-abcdef"

    init() throws { try self.init(logging: "text") }

    private init(logging format: String) throws {
        // Every request is logged as slow, with its slowest statement.
        stack = try Stack(
            settings: [
                "LOG_FORMAT": format, "LOG_LEVEL": "debug", "SLOW_REQUEST": "0", "METRICS_TOKEN": Self.metricsToken,
            ], isInFile: true)
        user = try stack.makeUser()
    }

    @Test func logsAndErrorsContainNoSecret() throws { try expectNoSecret() }

    @Test func logsOfJSONContainNoSecret() throws { try SecretsTests(logging: "json").expectNoSecret() }

    @Test func eachRequestIsOneLineOfJSON() throws { try SecretsTests(logging: "json").expectLines(of: .json) }

    @Test func eachRequestIsOneLineOfTheLog() throws { try expectLines(of: .text) }

    /// The secrets in the settings of the program.
    private var secretSettings: [String] {
        get throws {
            try [
                stack.gate, Stack.tokenSecret, Self.metricsToken, #require(stack.environment["SEALING_KEY"]),
                #require(stack.database.application["password"]), #require(stack.database.owner["password"]),
            ]
        }
    }

    private func expectNoSecret() throws {
        let canary = "canary-of-a-password-\(UInt64.random(in: 0...UInt64.max))"
        let signature = try #require(user.token.split(separator: ".").last.map(String.init))
        let given = try GivenSecrets(in: stack)
        #expect(try stack.command(["keys", "rotate", "jwt"]).status == 0)
        var answers = try failures(canary) + given.failures(in: stack)
        try stack.database.connect().execute("ALTER TABLE users RENAME TO users_away")
        let broken = try failures(canary) + given.failures(in: stack)
        #expect(broken.contains { $0.status == 500 })
        for answer in broken where answer.status == 500 {
            expectProblem(answer, 500, "internal_error")
            #expect(answer["message"] == "Internal error")
        }
        try stack.database.connect().execute("ALTER TABLE users_away RENAME TO users")
        answers += broken
        // A worker may be the one that wants the table first: then the login did not wait.
        try eventually("the log contains statements") {
            answers.append(try slowLogin("\(answers.count)-\(canary)"))
            return try stack.completeLogs().contains("SELECT")
        }

        let logs = try stack.completeLogs()
        #expect(logs.contains("request-failed"), "the log contains the reason of the 500 responses")
        #expect(logs.contains("slow-request"))
        let pages = try operatorPages()
        let secrets =
            try [
                canary, user.password, user.email, user.token, signature, "argon2",
            ] + given.all + secretSettings
        for secret in secrets {
            #expect(!secret.isEmpty && !logs.contains(secret), "in the logs: \(secret)")
            for page in pages { #expect(!page.contains(secret), "\(secret) in \(page)") }
            for answer in answers { #expect(!answer.text.contains(secret), "\(secret) in \(answer.text)") }
        }
        for internals in ["users_away", "SELECT", "SQLSTATE", "relation", ".swift", "/tmp/", "libpq"] {
            for answer in answers { #expect(!answer.text.contains(internals), "\(answer.text)") }
        }
    }

    /// A login that fails after a statement that is slow enough to be logged.
    ///
    /// - Parameter canary: part of its e-mail and of its password.
    private func slowLogin(_ canary: String) throws -> HTTPAnswer {
        let (stack, email) = (stack, "\(canary)@example.org")
        return try HeldRows("LOCK TABLE users", in: stack.database).commit(
            whileWaiting: {
                try stack.post("/login", ["email": .string(email), "password": .string(canary)])
            }, finally: { try $0.execute("SELECT pg_sleep(0.1)") })
    }

    /// What operators see of the pool, after all calls.
    private func operatorPages() throws -> [String] {
        let token = ("Authorization", "Bearer \(Self.metricsToken)")
        let answers = try ["/metrics", "/status?full", "/status?json&full"].map { try stack.get($0, headers: [token]) }
        #expect(answers[0].text.contains(#"route="/login",status="401""#) && answers[1].text.contains("\nroute: "))
        let outputs = try [["status", "--full"], ["status", "--full", "--json"]].map { arguments in
            let result = try stack.command(arguments)
            #expect(result.status == 0)
            return result.output
        }
        return answers.map(\.text) + outputs
    }

    private func expectLines(of format: LogLine.Format) throws {
        for path in ["/a%0aX:y", "/a%0d%0a{\"status\":200}", "/%00", "/%ff\u{1b}[2J", "/a\"b\\", "/a\u{7f}"] {
            for method in ["GET", "FOO_BAR", "TRACE"] {
                let headers = [
                    ("X-Request-Id", "a\tb\"c"), ("User-Agent", "\u{1b}[2J"), ("Authorization", "Bearer \u{1}"),
                ]
                #expect(try stack.client.send(method, path, headers: headers).status >= 400)
            }
        }
        let lines = try stack.completeLogs().split(separator: "\n")
        #expect(lines.count > 18)
        for line in lines {
            let object = try? JSON(parsing: Array(line.utf8))
            let isFromNginx = object?["request_id"] != nil && object?["upstream_status"] != nil
            let isOurs =
                format == .json
                ? object?["level"] != nil && object?["event"] != nil
                : line.prefix(2) == "20"
                    && ["debug", "info", "warning", "error"].contains(line.split(separator: " ").dropFirst().first)
            #expect(isFromNginx || isOurs, "\(line)")
            #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "\(line)")
        }
    }

    /// All users can read a command line. The same user and child processes can read an environment.
    @Test func processListShowsNoSecret() throws {
        let processes = stack.processes
        #expect(processes.count { $0.arguments.dropFirst().first == "respond" } == 2)
        for process in processes {
            let shown = (process.arguments + process.environment).joined(separator: " ")
            for secret in try secretSettings { #expect(!shown.contains(secret)) }
        }
    }

    @Test func publicResponsesContainNoSecret() throws {
        for path in ["/", "/health", "/ready", "/metrics", "/openapi.json", "/nothing"] {
            let answer = try stack.get(path)
            for secret in try secretSettings { #expect(!answer.text.contains(secret), "\(path)") }
        }
        let printed = try stack.command(["config"]).output
        #expect(printed.contains("SEALING_KEY") && printed.contains("(set)"))
        for secret in try secretSettings { #expect(!printed.contains(secret)) }
    }

    /// Calls that fail at every stage of the pipeline, each with the canary somewhere in it.
    private func failures(_ canary: String) throws -> [HTTPAnswer] {
        let password = JSON.string(canary)
        let json = [("Content-Type", "application/json")]
        func raw(_ path: String, _ body: String, _ headers: [(String, String)]) throws -> HTTPAnswer {
            try stack.client.send("POST", path, headers: headers, body: Array(body.utf8))
        }
        return try [
            stack.post("/login", ["email": .string(user.email), "password": password]),
            stack.post("/login", ["email": password, "password": password, "client_secret": password]),
            stack.post("/login?password=\(canary)", ["email": "a", "password": password]),
            stack.post("/login", ["email": "a", "passwort": password]),
            stack.post("/login", ["password": [password]]),
            raw("/login", "{\"email\":\"a\",\"password\":\"\(canary)", json),
            raw("/login", "email=a&password=\(canary)%zz", [("Content-Type", "application/x-www-form-urlencoded")]),
            raw("/login", canary, [("Content-Type", "text/plain")]),
            raw("/login", canary + String(repeating: " ", count: 1 << 20), json),
            stack.post("/register", ["email": "nobody", "password": password]),
            stack.post("/register", ["username": password, "password": password]),
            stack.post("/create_user", ["email": .string(user.email), "password": password]),
            stack.get("/me?token=\(user.token)"), stack.get("/me?access_token=\(canary)", token: canary),
            stack.get("/me", token: user.token + canary),
            stack.get("/me", headers: [("Authorization", "Basic \(canary)")]),
            stack.get("/me", headers: [("Authorization", "Bearer \(canary)\u{1}")]),
            stack.get("/posts?limit=\(canary)", token: user.token),
            stack.get("/api/keys/fm_\(canary)"), stack.get("/api/keys/fm%5f\(canary)"),
            stack.get("/api/keys/%66%6D_\(canary)"), stack.get("/posts/FMR_\(canary)"),
            stack.get("/posts/eyJ\(canary)"), stack.get("/posts/%65yJ\(canary)"), stack.get("/%68ooks/\(canary)"),
            stack.get("/metrics?token=\(canary)", headers: [("Authorization", "Bearer \(canary)")]),
            stack.get("/status?json=\(canary)"), stack.get("/status", headers: [("X-Forwarded-For", canary)]),
            stack.get("/posts?cursor=\(canary)", token: user.token),
            stack.post(
                "/posts", ["title": [password]], token: user.token, headers: [("Idempotency-Key", "\(canary) x")]),
            stack.post("/posts", ["title": "a"], token: user.token, headers: [("X-Request-Id", canary + "/")]),
            stack.client.exchange(Array("GET /me?token=\(canary) HTTP/1.1\r\nHost: x\r\nHost: \(canary)\r\n\r\n".utf8)),
            stack.client.exchange(Array("GET /?\(String(repeating: canary, count: 300)) HTTP/1.1\r\n\r\n".utf8)),
            stack.client.exchange(Array("\(canary) /me HTTP/1.1\r\nHost: x\r\n\r\n".utf8)),
        ].filter { $0.status >= 400 }
    }
}
