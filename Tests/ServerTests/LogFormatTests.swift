import App
import FastCGI
import Glibc
import HTTP
import JSON
import Postgres
import Supervision
import System
import TestSupport
import Testing

@testable import flow_manager

/// The two forms of a line, whatever is in it.
@Suite struct LogFormatTests {
    private let folder: TemporaryFolder
    private let file: String

    init() throws {
        folder = try TemporaryFolder()
        file = folder.path(of: "log")
    }

    /// The lines of a log that got the observations.
    private func lines(
        _ format: LogLine.Format, from level: Log.Level = .info, of observations: [Observation]
    ) throws -> [String] {
        let log = try Log(to: .file(file), format, from: level)
        observations.forEach(log.write)
        log.close()
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    private func failure(_ detail: String) -> Observation {
        .application(.requestFailed(requestID: "r1", method: "GET", route: "/r", status: 503, detail: detail))
    }

    @Test func aLineOfJSONHasItsFieldsInOrder() throws {
        let line = try #require(try lines(.json, of: [failure("a b")]).first)
        let end = "\"request_id\":\"r1\",\"method\":\"GET\",\"route\":\"/r\",\"status\":503,\"detail\":\"a b\"}"
        #expect(line.hasSuffix("\"level\":\"error\",\"event\":\"request-failed\",\"pid\":\(getpid()),\(end)"))
        #expect(line.prefixMatch(of: #/\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",/#) != nil)
    }

    @Test func numbersAreNumbers() throws {
        let observation = Observation.supervisor(
            .exited(.worker, slot: 2, pid: 9, .exited(1), age: .milliseconds(12_045)))
        let line = try #require(try lines(.json, of: [observation]).first)
        #expect(line.hasSuffix("\"slot\":2,\"child\":9,\"cause\":\"exited(1)\",\"seconds\":12.045}"))
    }

    /// Every character, alone and among others, and texts of which only a part has room.
    static let hostile: [String] =
        (UInt32(0)..<0x180).compactMap { Unicode.Scalar($0).map { "a\($0)b" } }
        + [
            "", "\"", "\\", "\u{2028}", "{\"status\":200}", "\u{1B}]0;x\u{7}", "\u{10FFFF}",
            String(repeating: "x", count: 100_000), String(repeating: "\"", count: 100_000),
            String(repeating: "\u{1}", count: 100_000), String(repeating: "é", count: 100_000),
            String(repeating: "x", count: 1_999) + "😀", String(repeating: "a b ", count: 1_000),
        ]

    @Test func everyLineIsOneObjectWhateverIsInIt() throws {
        let observations = Self.hostile.flatMap { text -> [Observation] in
            [
                failure(text), .application(.issuerUnavailable(issuer: text, reason: text)),
                .application(.requestFailed(requestID: text, method: text, route: text, status: -1, detail: text)),
            ]
        }
        let found = try lines(.json, of: observations)
        #expect(found.count == observations.count)
        for (line, text) in zip(found, Self.hostile.flatMap { [$0, $0, $0] }) {
            #expect(line.utf8.count < LineWriter.longestLine)
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
            let object = try JSON(parsing: Array(line.utf8))
            let shown = try #require(
                (object["status"] == 503 ? object["detail"] : object["issuer"] ?? object["request_id"])?.stringValue)
            if text.utf8.count < 100 { #expect(shown == text) } else { #expect(text.hasPrefix(shown)) }
        }
    }

    @Test func everyLineOfTextIsOneLine() throws {
        let observations = Self.hostile.map(failure)
        let found = try lines(.text, of: observations)
        #expect(found.count == observations.count)
        for line in found {
            #expect(line.utf8.count < LineWriter.longestLine)
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
            #expect(line.contains(" error request-failed request_id=r1 method=GET route=/r status=503 detail="))
        }
    }

    @Test(arguments: zip(Log.Level.allCases, [4, 3, 2, 1])) func linesBelowTheLevelAreLeftOut(
        level: Log.Level, count: Int
    ) throws {
        let observations: [Observation] = [
            .database(.connectionOpened), .supervisor(.reloading), .edge(.strayPeer), failure("x"),
        ]
        #expect(try lines(.text, from: level, of: observations).count == count)
    }

    @Test func linesThatFindNoRoomAreCounted() throws {
        let drops = Recording<Int>()
        let log = try Log(to: .file(file), .json, capacity: 600) { drops.add($0) }
        for _ in 0..<10_000 { log.write(failure("x")) }
        log.close()
        let objects = try Files.read(file, limit: 64 << 20).split(separator: 0x0A).map { try JSON(parsing: Array($0)) }
        let notices = objects.filter { $0["event"] == "lines-dropped" }
        #expect(!drops.all.isEmpty)
        #expect(notices.compactMap { $0["count"]?.integerValue }.reduce(0, +) == Int64(drops.all.reduce(0, +)))
        #expect(objects.count - notices.count + drops.all.reduce(0, +) == 10_000)
    }
}
