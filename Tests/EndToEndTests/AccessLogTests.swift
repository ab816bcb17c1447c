import JSON
import System
import TestSupport
import Testing

/// Every line of nginx's access log is one object of JSON, whatever bytes a client sends.
@Suite struct AccessLogTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    /// The lines of the log as bytes.
    private func lines() throws -> [ArraySlice<UInt8>] {
        _ = try stack.completeLogs()
        return try Files.read(stack.folder + "/nginx/access.log", limit: 64 << 20).split(separator: 0x0A)
    }

    /// Sends a request line and headers of any bytes.
    private func send(_ parts: [UInt8]...) throws {
        let end = Array("Connection: close\r\n\r\n".utf8)
        // nginx answers some of these requests without a status line, as HTTP/0.9.
        _ = try? stack.client.exchange(parts.joined() + end)
    }

    @Test func everyByteOfARequestLeavesALineOfJSON() throws {
        let (host, version) = (Array("Host: localhost\r\n".utf8), Array(" HTTP/1.1\r\n".utf8))
        let run = unique("bytes")
        for byte in UInt8.min...UInt8.max {
            let id = Array("X-Request-Id: \(run).\(byte)\r\n".utf8)
            try send(Array("GET /b".utf8) + [byte, 0x78], version, host, id)
            try send(Array("GET /q?".utf8) + [byte, 0x78], version, host, id)
            try send(Array("GE".utf8) + [byte], Array("T /method".utf8), version, host, id)
            try send(Array("GET /version HTTP/1.".utf8) + [byte], Array("\r\n".utf8), host, id)
            for name in ["User-Agent", "Referer", "X-Request-Id", "Host"] {
                try send(Array("GET /health".utf8), version, host, Array("\(name): ".utf8), [byte, 0x0D, 0x0A])
            }
        }
        // The path is cut at 1,024 bytes, in the middle of a character.
        try send(Array(("GET /x" + String(repeating: "é", count: 600)).utf8), version, host)
        try send(Array(("GET /" + String(repeating: "x", count: 1_022) + "é").utf8), version, host)

        let lines = try lines()
        #expect(lines.count > 1_000)
        var paths: [String: Set<String>] = [:]
        for line in lines {
            let entry = try? JSON(parsing: Array(line))
            #expect(entry?["status"]?.integerValue != nil, "\(String(decoding: line, as: UTF8.self))")
            guard let id = entry?["request_id"]?.stringValue else { continue }
            paths[id, default: []].insert(entry?["path"]?.stringValue ?? "")
        }
        for byte in [0x80, 0xC3, 0xE9, 0xFF] {
            #expect(paths["\(run).\(byte)"]?.isSuperset(of: ["/b...", "/q"]) == true, "\(byte)")
        }
        #expect(paths["\(run).34"]?.contains("/b\"x") == true)
        #expect(paths["\(run).92"]?.contains("/b\\x") == true)
    }

    /// Neither before nor after a byte that ends the logged path.
    @Test func secretsInAPathAreNotLogged() throws {
        let secret = unique("fm")
        for path in [
            "/api/keys/fm_\(secret)\u{E9}", "/\u{E9}/fm_\(secret)", "/\u{E9}?\(secret)", "/hooks/\u{E9}\(secret)",
        ] {
            _ = try stack.get(path)
        }
        #expect(try !stack.completeLogs().contains(secret))
    }
}
