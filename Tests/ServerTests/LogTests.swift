import App
import FastCGI
import Flows
import HTTP
import Postgres
import Supervision
import System
import Testing
import WorkerPool

@testable import flow_manager

@Suite struct LogTests {
    private let folder: TemporaryFolder
    private let log: Log
    private let file: String

    init() throws {
        folder = try TemporaryFolder()
        file = folder.path(of: "log")
        log = try Log(to: .file(file), .text)
    }

    /// The lines of the log, each without its timestamp.
    private func lines() throws -> [String] {
        log.close()
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        #expect(text.hasSuffix("\n"))
        return text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0.drop { $0 != " " }.dropFirst())
        }
    }

    private static func failure(_ detail: String, of id: String = "") -> Observation {
        .application(.requestFailed(requestID: id, method: "GET", route: "/r", status: 503, detail: detail))
    }

    @Test func eachObservationIsOneLine() throws {
        log.write(Self.failure("/a/b.c", of: "r1"))
        log.write(Self.failure(""))
        log.write(.supervisor(.reloaded))
        #expect(
            try lines() == [
                "error request-failed request_id=r1 method=GET route=/r status=503 detail=/a/b.c",
                "error request-failed request_id=\"\" method=GET route=/r status=503 detail=\"\"", "info reloaded",
            ])
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        #expect(text.prefixMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z error /#) != nil)
    }

    @Test(arguments: [
        ("two words", "\"two words\""), ("a\nb", "\"a b\""), ("a\r\n2026 error forged", "\"a  2026 error forged\""),
        ("say \"x\"", "\"say \\\"x\\\"\""), ("a\\ b", "\"a\\\\ b\""), ("\u{0}\u{1B}[31m\u{7F}", "\"  [31m \""),
        ("é", "\"é\""), ("\u{9B}2J", "\" 2J\""),
        ("=", "="), ("a\"b", "\"a\\\"b\""),
    ])
    func valuesAreQuotedWithinTheirField(value: String, expected: String) throws {
        log.write(.application(.issuerUnavailable(issuer: value, reason: "1")))
        #expect(try lines() == ["warning issuer-unavailable issuer=\(expected) reason=1"])
    }

    @Test func appendsToAnExistingFile() throws {
        log.write(.supervisor(.reloading))
        log.close()
        let later = try Log(to: .file(file), .text)
        later.write(.supervisor(.reloaded))
        later.close()
        #expect(try lines() == ["info reloading", "info reloaded"])
    }

    private struct Reason: Error, CustomStringConvertible {
        let description = "no space"
    }

    @Test(
        arguments: [
            (.edge(.peerRefused(user: 7)), "warning peer-refused user=7"),
            (.edge(.threadsBlocked(true)), "warning threads-blocked"),
            (.edge(.threadsBlocked(false)), "info threads-free"),
            (.edge(.clientRefused(address: "192.0.2.1")), "warning client-refused address=192.0.2.1"),
            (.edge(.strayPeer), "warning stray-peer"),
            (.edge(.requestUnreadable), "warning request-unreadable"), (.edge(.gateRefused), "warning gate-refused"),
            (.edge(.deadlinePassed(id: "", client: "")), "warning read-deadline-passed"),
            (
                .edge(.deadlinePassed(id: "r", client: "192.0.2.1")),
                "warning read-deadline-passed request_id=r address=192.0.2.1"
            ),
            (
                .edge(.rejected(reason: .bodyIncomplete, id: "r")),
                "warning request-rejected request_id=r reason=bodyIncomplete"
            ),
            (.edge(.answerRefused(id: "r")), "error answer-refused request_id=r"),
            (.edge(.answerLost(id: "r")), "info answer-lost request_id=r"),
            (.edge(.acceptPaused(code: 24)), "error accept-paused errno=24"),
            (.application(.auditNotSealed(detail: "d")), "warning audit-not-sealed detail=d"),
            (
                .application(.scheduleFailed(scheduleID: "1", code: "too_many_runs", detail: "no space")),
                "warning schedule-failed schedule_id=1 code=too_many_runs detail=\"no space\""
            ),
            (.worker(.queueUnavailable(Reason())), "error queue-unavailable detail=\"no space\""),
            (.worker(.queueAvailable), "info queue-available"),
            (.worker(.runFailed(Reason())), "error run-postponed detail=\"no space\""),
            (.worker(.notReleased(Reason())), "warning run-not-released detail=\"no space\""),
            (.worker(.dutyFailed("pruner", Reason())), "warning duty-failed duty=pruner detail=\"no space\""),
            (.worker(.rescued(2)), "warning runs-rescued count=2"),
            (.supervisor(.started(.worker, slot: 1, pid: 9)), "info worker-started slot=1 child=9"),
            (.supervisor(.ready(.responder, slot: 0, pid: 9)), "info responder-ready slot=0 child=9"),
            (.supervisor(.allReady), "info all-ready"),
            (
                .supervisor(.exited(.worker, slot: 0, pid: 9, .exited(0), age: .seconds(3))),
                "info worker-exited slot=0 child=9 cause=exited(0) seconds=3.000"
            ),
            (
                .supervisor(.exited(.responder, slot: 0, pid: 9, .exited(1), age: .milliseconds(900))),
                "warning responder-exited slot=0 child=9 cause=exited(1) seconds=0.900"
            ),
            (
                .supervisor(.exited(.worker, slot: 0, pid: 9, .signalled(.kill), age: .seconds(3))),
                "warning worker-exited slot=0 child=9 cause=signalled(9) seconds=3.000"
            ),
            (
                .supervisor(.backingOff(.worker, slot: 2, delay: .seconds(5))),
                "warning worker-backing-off slot=2 seconds=5.000"
            ),
            (.supervisor(.overdue(.responder, slot: 0, pid: 9)), "error responder-overdue slot=0 child=9"),
            (
                .supervisor(.output(.worker, slot: 0, pid: 9, line: "Fatal error: x")),
                "error output role=worker slot=0 child=9 line=\"Fatal error: x\""
            ),
            (.supervisor(.reloadAbandoned(slot: 3)), "error reload-abandoned slot=3"),
            (.supervisor(.connectionDropped), "warning connection-dropped"),
            (.supervisor(.terminating), "info terminating"),
            (.sharedMemoryRefused(Reason()), "warning shared-memory-refused reason=\"no space\""),
            (
                .memoryFileRefused(folder: "/run/a", Reason()),
                "warning memory-file-refused folder=/run/a reason=\"no space\""
            ),
            (.completionsUnavailable(Reason()), "warning completions-unavailable detail=\"no space\""),
        ] as [(Observation, String)])
    func observationIsLoggedAsItsLine(observation: Observation, line: String) throws {
        log.write(observation)
        #expect(try lines() == [line])
    }

    /// A stranger can connect any number of times.
    @Test func eventsThatAStrangerCausesAreSummed() throws {
        for number in 0..<500 {
            log.write(.edge(.clientRefused(address: "192.0.2.\(number % 2)")))
            log.write(.edge(.callNotRepeated))
        }
        log.write(.supervisor(.reloaded))
        let lines = try lines()
        #expect(lines.prefix(2) == ["warning client-refused address=192.0.2.0", "info call-not-repeated"])
        for event in ["warning client-refused", "info call-not-repeated"] {
            let own = lines.filter { $0.hasPrefix(event) }
            // One in each second that this has taken.
            #expect(own.count < 50)
            let leftOut = own.reduce(0) { $0 + (Int($1.split(separator: "left_out=").dropFirst().first ?? "") ?? 0) }
            // The last line may be that of the end of the log, which stands for no event of its own.
            #expect((500 - own.count...500 - own.count + 1).contains(leftOut), "\(own)")
        }
        #expect(lines.contains("info reloaded"))
    }

    @Test func anEventHasALineASecond() {
        let (limit, start) = (LineLimit(), Monotonic.now)
        func admit(_ event: String, after milliseconds: Int) -> Int? {
            limit.admit(event, .info, at: start + .milliseconds(milliseconds))
        }
        #expect(admit("a", after: 0) == 0 && admit("b", after: 0) == 0)
        #expect(admit("a", after: 1) == nil && admit("a", after: 999) == nil)
        #expect(admit("a", after: 1_000) == 2)
        #expect(admit("b", after: 1_500) == 0)
        #expect(admit("a", after: 1_999) == nil)
        #expect(limit.takeRest().map(\.event) == ["a"] && limit.takeRest().isEmpty)
    }

    @Test(
        arguments: [
            .application(.limitHit(code: "rate_limited")), .engine(.claimed(executionID: "e")),
            .engine(.committed(executionID: "e")),
            .engine(
                .stepFinished(FinishedStep(type: "pass", status: .success, duration: .zero, attempts: 1, cost: 0))),
            .engine(.runFinished(status: .failed, duration: .zero)), .engine(.leaseLost(executionID: "e")),
            .database(.connectionOpened), .database(.connectionLost), .hashWaited(.seconds(1)),
        ] as [Observation])
    func countedObservationsAreNotLogged(observation: Observation) throws {
        log.write(observation)
        log.close()
        #expect(try Files.read(file).isEmpty)

        let detailed = try Log(to: .file(file), .text, from: .debug)
        detailed.write(observation)
        detailed.close()
        #expect(try lines().allSatisfy { $0.hasPrefix("debug ") })
    }

    @Test func databaseErrorMessageIsLogged() throws {
        let connection = Connection(try PostgresConfiguration("host=/nonexistent"))
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
        log.write(.completionsUnavailable(try #require(error)))
        #expect(try lines().first?.contains("/nonexistent") == true)
    }

    @Test func fileThatCannotBeOpenedThrows() {
        #expect(throws: ProcessError.self) { try Log(to: .file("\(folder.path)/no/such/file"), .text) }
    }
}
