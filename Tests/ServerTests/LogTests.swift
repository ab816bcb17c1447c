import App
import FastCGI
import System
import Testing

@testable import flow_manager

@Suite struct LogTests {
    private let folder: TemporaryFolder
    private let log: Log
    private let file: String

    init() throws {
        folder = try TemporaryFolder()
        file = folder.path(of: "log")
        log = try Log(file: file)
    }

    /// The lines so far, each without its time.
    private func lines() throws -> [String] {
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        #expect(text.hasSuffix("\n"))
        return text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0.drop { $0 != " " }.dropFirst())
        }
    }

    @Test func anEventIsALine() throws {
        log.write(.info, "started", ["slot": "1", "empty": "", "path": "/a/b.c"])
        log.write(.error, "failed")
        #expect(try lines() == ["info started slot=1 empty=\"\" path=/a/b.c", "error failed"])
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        #expect(text.prefixMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info /#) != nil)
    }

    @Test(arguments: [
        ("two words", "\"two words\""), ("a\nb", "\"a b\""), ("a\r\n2026 error forged", "\"a  2026 error forged\""),
        ("say \"x\"", "\"say \\\"x\\\"\""), ("a\\ b", "\"a\\\\ b\""), ("\u{0}\u{1B}[31m\u{7F}", "\"  [31m \""),
        ("é", "\"é\""),
        ("=", "="), ("a\"b", "\"a\\\"b\""),
    ])
    func aValueStaysInItsLineAndItsField(value: String, expected: String) throws {
        log.write(.warning, "event", ["value": value, "next": "1"])
        #expect(try lines() == ["warning event value=\(expected) next=1"])
    }

    @Test func appendsToWhatIsThere() throws {
        log.write(.info, "first")
        try Log(file: file).write(.info, "second")
        #expect(try lines() == ["info first", "info second"])
    }

    @Test func eventsOfTheRoomsHaveTheirLines() throws {
        log.write(.requestFailed(requestID: "r1", method: "GET", status: 503, detail: "no database"))
        log.write(FastCGIEvent.strayPeer)
        #expect(
            try lines() == [
                "error request-failed request=r1 method=GET status=503 detail=\"no database\"", "warning stray-peer",
            ])
    }

    @Test func aFileThatCannotBeOpenedIsAnError() {
        #expect(throws: ProcessError.self) { try Log(file: "\(folder.path)/no/such/file") }
    }
}

@Suite struct RFC3339Tests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"), (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59.000Z"), (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        (1_000_000_000_000, "2001-09-09T01:46:40.000Z"),
    ])
    func isTheTimeInUTC(milliseconds: Int64, expected: String) {
        #expect(RFC3339.text(nanoseconds: milliseconds * 1_000_000) == expected)
        #expect(RFC3339.text(nanoseconds: milliseconds * 1_000_000 + 999_999) == expected)
    }
}
