import HTTP
import JSON
import System
import TestSupport
import Testing

/// nginx refuses those who may not read `/metrics` and `/status` before the program does.
@Suite struct OperatorRouteTests {
    private static let token = "0123456789abcdefghijklmnopqrstuv"
    private static let paths = ["/metrics", "/metrics/", "/status", "/status/", "/status?json", "/%6Detrics"]

    /// Whether nginx has forwarded the call with that id to the program.
    private func isForwarded(_ id: String, _ stack: Stack) throws -> Bool {
        _ = try stack.completeLogs()
        let lines = try Files.read(stack.folder + "/nginx/access.log", limit: 64 << 20).split(separator: 0x0A)
        let entry = try lines.map { try JSON(parsing: Array($0)) }.first { $0["request_id"] == .string(id) }
        return try #require(entry)["upstream_status"] != ""
    }

    /// The client is one of the outside, because its address is not allowed.
    @Test func theOutsideFindsNothing() throws {
        let stack = try Stack(settings: ["METRICS_ALLOW": "192.0.2.0/24,2001:db8::/32", "METRICS_TOKEN": Self.token])
        for path in Self.paths {
            let id = unique("outside")
            expectProblem(try stack.get(path, headers: [("X-Request-Id", id)]), 404, "not_found", path)
            #expect(try !isForwarded(id, stack), "\(path)")
        }
        let (right, wrong) = (unique("token"), unique("token"))
        for path in Self.paths {
            let answer = try stack.get(path, token: Self.token, headers: [("X-Request-Id", right)])
            #expect(answer.status == 200, "\(path)")
        }
        expectProblem(
            try stack.get("/metrics", token: "wrong", headers: [("X-Request-Id", wrong)]), 404, "not_found")
        #expect(try isForwarded(wrong, stack), "the program compares the token")
    }

    @Test func allowedAddressesReachTheProgram() throws {
        let stack = try Stack.shared.get()
        for path in Self.paths { #expect(try stack.get(path).status == 200, "\(path)") }
        expectProblem(try stack.get("/metrics/x"), 404, "not_found")
        expectProblem(try stack.post("/metrics", [:]), 405, "method_not_allowed")
    }
}
