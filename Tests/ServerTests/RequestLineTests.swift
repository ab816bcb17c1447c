import App
import Glibc
import JSON
import System
import Testing

@testable import flow_manager

/// The line of a finished request.
@Suite struct RequestLineTests {
    private let folder: TemporaryFolder
    private let file: String

    init() throws {
        folder = try TemporaryFolder()
        file = folder.path(of: "log")
    }

    private func line(
        _ format: LogLine.Format, from level: Log.Level = .info, of request: FinishedRequest
    ) throws -> String? {
        let log = try Log(to: .file(file), format, from: level)
        log.write(.application(.requestFinished(request)))
        log.close()
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        return text.split(separator: "\n").last.map(String.init)
    }

    private var full: FinishedRequest {
        var request = FinishedRequest(requestID: "r1", method: "POST")
        request.route = "/api/executions/{id}/signal"
        request.status = 200
        request.duration = .microseconds(12_345)
        request.queueTime = .microseconds(1_500)
        (request.requestBytes, request.responseBytes) = (17, 4_096)
        (request.userID, request.keyID, request.traceID) = ("u1", "k1", "t1")
        return request
    }

    @Test func hasWhatAnOperatorAsksFor() throws {
        let found = try #require(try line(.json, of: full))
        #expect(
            found.hasSuffix(
                "\"level\":\"info\",\"event\":\"request\",\"pid\":\(getpid()),\"request_id\":\"r1\","
                    + "\"method\":\"POST\","
                    + "\"route\":\"/api/executions/{id}/signal\",\"status\":200,\"duration_ms\":12.345,"
                    + "\"queue_ms\":1.500,\"bytes_in\":17,\"bytes_out\":4096,\"user_id\":\"u1\",\"key_id\":\"k1\","
                    + "\"trace_id\":\"t1\"}"))
        let text = try #require(try line(.text, of: full))
        #expect(
            text.hasSuffix(
                "Z info request request_id=r1 method=POST route=/api/executions/{id}/signal status=200"
                    + " duration_ms=12.345 queue_ms=1.500 bytes_in=17 bytes_out=4096 user_id=u1 key_id=k1 trace_id=t1"))
    }

    @Test func whatIsUnknownIsLeftOut() throws {
        var request = FinishedRequest(requestID: "r1", method: String(repeating: "X", count: 5_000))
        (request.status, request.responseBytes) = (404, nil)
        let found = try #require(try line(.json, of: request))
        #expect(
            found.hasSuffix(
                "\"method\":\"-\",\"status\":404,\"duration_ms\":0.000,\"bytes_in\":0}"))
    }

    /// The lines of requests that took so long, of which 10 ms counts as slow.
    private func lines(of requests: [FinishedRequest], from level: Log.Level = .info) throws -> [String] {
        let log = try Log(to: .file(file), .text, from: level, slowRequest: .milliseconds(10))
        for request in requests { log.write(.application(.requestFinished(request))) }
        log.close()
        return String(decoding: try Files.read(file), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func aSlowRequestHasASecondLine() throws {
        var (fast, waiting) = (full, full)
        fast.duration = .microseconds(9_999)
        waiting.threadTime = .microseconds(9_999)
        let lines = try lines(of: [full, fast, waiting])
        #expect(lines.count == 4)
        #expect(
            lines[1].hasSuffix(
                " warning slow-request request_id=r1 trace_id=t1 method=POST route=/api/executions/{id}/signal"
                    + " user_id=u1 duration_ms=12.345"))
        #expect(try self.lines(of: [full], from: .warning).count == 5)
    }

    @Test func isOneObjectWhateverIsInIt() throws {
        let log = try Log(to: .file(file), .json)
        for text in LogFormatTests.hostile {
            var request = FinishedRequest(requestID: text, method: text)
            (request.route, request.userID) = (text, text)
            log.write(.application(.requestFinished(request)))
        }
        log.close()
        let lines = try Files.read(file, limit: 64 << 20).split(separator: 0x0A)
        #expect(lines.count == LogFormatTests.hostile.count)
        for line in lines { #expect(try JSON(parsing: Array(line))["event"] == "request") }
    }

    @Test(arguments: [Log.Level.warning, .error]) func isLeftOutFromTheLevelWarningOn(level: Log.Level) throws {
        #expect(try line(.json, from: level, of: full) == nil)
    }
}
