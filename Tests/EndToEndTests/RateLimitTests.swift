import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Limits that several processes count together, with a supervisor and without one.
@Suite struct RateLimitTests {
    /// Of two responders, each with four threads.
    @Test func respondersCountTogether() throws {
        let stack = try Stack(settings: ["RATE_LIMIT_READ": "40/2", "RATE_LIMIT_WRITE": "120/30"])
        let user = try stack.makeUser()
        let call = stack.client.message("GET", "/me", headers: [stack.bearer(user.token)])
        let answers = try (0..<6).flatMap { _ in try stack.client.exchange(atOnce: Array(repeating: call, count: 10)) }
        #expect(answers.count { $0.status == 200 } <= 42, "a token comes back every second and a half")
        #expect(answers.count { $0.status == 200 } >= 40)
        let refused = try #require(answers.first { $0.status == 429 })
        expectProblem(refused, 429, "rate_limited")
        #expect(refused.headers["ratelimit-policy"] == "\"read\";q=40;w=60")
        #expect(refused.headers["ratelimit"] == "\"read\";r=0;t=\(refused.headers["retry-after"] ?? "")")
        #expect(try stack.get("/health").headers["ratelimit"] == nil)
        let rows = try stack.database.connect().query("SELECT count(*) FROM rate_limits WHERE user_id = \(user.id)")
        #expect(try rows.only.decode(Int.self) == 0)
    }

    /// nginx's own limits answer as the program does.
    @Test func nginxLimitsAddresses() throws {
        let stack = try Stack(settings: ["RATE_LIMIT": "on"])
        let client = stack.client.from("127.0.0.9")
        // More connections at a time than an address may have: none ends before its request is complete.
        let open = try (0..<300).map { _ in try client.begin(Array("GET /health HTTP/1.1\r\n".utf8)) }
        let rest = Array("Host: localhost\r\nConnection: close\r\n\r\n".utf8)
        let answers = try open.map { descriptor in
            unsafe rest.withUnsafeBytes { _ = unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            return descriptor
        }.map { try client.finish($0) }
        let flood = try (0..<10).flatMap { _ in
            try client.exchange(atOnce: Array(repeating: client.message("GET", "/health"), count: 200))
        }
        let limited = (answers + flood).filter { $0.status == 429 }
        for answer in limited.prefix(5) {
            expectProblem(answer, 429, "rate_limited")
            #expect(answer.headers["retry-after"] == "1")
        }
        #expect(!limited.isEmpty)
        #expect(try stack.get("/health").status == 200, "other addresses are served")
    }
}

/// Processes without a supervisor, as CGI starts them: one for each request.
@Suite final class CGILimitTests {
    private let stack: Stack
    private let user: TestUser
    private let folder: String
    private let address = "192.0.2.\(Int.random(in: 1...250))"

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
        var template = Array("/tmp/cgi.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? run("/bin/rm", ["-rf", folder], [:]) }

    /// The output of a CGI process: head, empty line, body.
    private func call(
        _ method: String, _ path: String, _ body: JSON? = nil, settings: [String: String] = [:]
    ) throws -> String {
        let text = body?.text ?? ""
        let variables = [
            "REQUEST_METHOD": method, "REQUEST_URI": path, "REMOTE_ADDR": address,
            "CONTENT_TYPE": body == nil ? "" : "application/json", "CONTENT_LENGTH": "\(text.utf8.count)",
            "HTTP_AUTHORIZATION": body == nil ? "Bearer \(user.token)" : "", "STATE_DIR": folder,
            "LOG_FILE": folder + "/log",
        ]
        let result = try stack.command(["respond"], settings: variables.merging(settings) { $1 }, input: text)
        #expect(result.status == 0, "\(result.output)")
        return result.output
    }

    private func status(_ output: String) -> String { String(output.dropFirst("Status: ".count).prefix(3)) }

    @Test func processesShareTheLoginThrottle() throws {
        let body: JSON = ["email": .string(user.email), "password": "wrong"]
        func login() throws -> String { try call("POST", "/login", body, settings: ["LOGIN_THROTTLE": "on"]) }
        for _ in 0..<6 { #expect(status(try login()) == "401") }
        // The first waits may be over on a busy machine, but each is twice as long as the one before.
        let refused = try (0..<10).lazy.map { _ in try login() }.first { self.status($0) != "401" }
        #expect(try #require(refused).contains("\"code\":\"login_throttled\""))
    }

    @Test func processesCountCallsTogether() throws {
        let statuses = try (0..<4).map { _ in
            status(try call("GET", "/me", settings: ["RATE_LIMIT_READ": "2"]))
        }
        #expect(statuses == ["200", "200", "429", "429"])
        let names = try Stack.command(["-A", folder], of: "/bin/ls", environment: [:]).output.split(separator: "\n")
        #expect(names.count { $0.hasPrefix("memory-") } == 1)
        let rows = try stack.database.connect().query("SELECT count(*) FROM rate_limits WHERE user_id = \(user.id)")
        #expect(try rows.only.decode(Int.self) == 0)
    }

    @Test func withoutTheFileTheDatabaseCounts() throws {
        let settings = ["RATE_LIMIT_READ": "2", "STATE_DIR": "/proc/none"]
        let statuses = try (0..<4).map { _ in status(try call("GET", "/me", settings: settings)) }
        #expect(statuses == ["200", "200", "429", "429"])
        let rows = try stack.database.connect().query("SELECT calls FROM rate_limits WHERE user_id = \(user.id)")
        #expect(try rows.only.decode(Int.self) == 3)
        let log = try Stack.command([folder + "/log"], of: "/bin/cat", environment: [:]).output
        #expect(log.contains(" warning memory-file-refused folder=/proc/none "))
    }
}
