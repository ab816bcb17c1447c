import App
import Glibc
import JSON
import SharedMemory
import System
import Testing

@testable import flow_manager

/// The state of the pool, of which this process pretends to be a part.
@Suite struct PoolStatusTests {
    private let memory: SharedMemory
    private let scoreboard: Scoreboard
    private let now = Monotonic(milliseconds: 100_000)

    init() throws {
        memory = try SharedMemory()
        scoreboard = Scoreboard(in: memory)
    }

    private func status(_ queue: ListenQueue? = nil) -> PoolStatus {
        PoolStatus(of: memory, queue: queue, now: now, time: 1_700_000_100_000)
    }

    private func value(_ name: String, _ queue: ListenQueue? = nil) -> JSON? { status(queue).json(isFull: false)[name] }

    @Test func aResponderAndItsThreads() throws {
        try #require(scoreboard.enter(as: .responder, at: 1_700_000_000)).add(2, to: .parked)
        let seats = try (0..<3).map { _ in try #require(scoreboard.takeSeat()) }
        seats[0].begin(at: now + .milliseconds(-2_500))
        seats[0].show(SeriesKey("POST /flow-manager"))
        seats[1].begin(at: now)
        seats[1].end(at: now)

        let json = status().json(isFull: true)
        #expect(json["active processes"] == 1)
        #expect(json["idle processes"] == 0)
        #expect(json["active threads"] == 1)
        #expect(json["idle threads"] == 2)
        #expect(json["total threads"] == 3)
        #expect(json["max active threads"] == 1)
        #expect(json["total workers"] == 0)
        #expect(json["replaced processes"] == 0 && json["emergency restarts"] == 0)
        #expect(json["parked calls"] == 2)
        let process = try #require(json["processes"]?.arrayValue?.first)
        #expect(process["pid"] == JSON(Int(getpid())))
        #expect(process["role"] == "responder")
        #expect(process["start since"] == 100)
        let threads = try #require(process["threads"]?.arrayValue)
        #expect(threads.map { $0["state"] } == ["Running", "Idle", "Idle"])
        #expect(threads[0]["route"] == "POST /flow-manager")
        #expect(threads[0]["duration"] == 2.5)
        #expect(threads[0]["since"] == "2023-11-14T22:14:57.500Z")
        #expect(threads[1]["requests"] == 1)
        #expect(threads[2]["since"] == .null)
    }

    @Test func aWorkerWithTheRunAtHand() throws {
        _ = try #require(scoreboard.enter(as: .worker, at: 1_700_000_000))
        let seat = try #require(scoreboard.takeSeat())
        seat.begin(at: now)
        seat.show(SeriesKey("data.store"))
        seat.show(run: "01234567-89ab-cdef-8000-000000000001")

        let json = status().json(isFull: true)
        #expect(json["total processes"] == 0)
        #expect(json["total workers"] == 1)
        #expect(json["active worker threads"] == 1)
        let thread = json["processes"]?.arrayValue?.first?["threads"]?.arrayValue?.first
        #expect(thread?["run"] == "01234567-89ab-cdef-8000-000000000001")
        #expect(thread?["task type"] == "data.store")
        #expect(thread?["route"] == nil)
    }

    @Test func threadsThatAreNotShownAreCounted() throws {
        _ = try #require(scoreboard.enter(as: .worker, at: 1_700_000_000))
        var shown = 0
        while scoreboard.takeSeat() != nil { shown += 1 }
        #expect(value("total worker threads") == JSON(shown))
        #expect(value("threads not shown") == 1)
    }

    @Test func theLargestValuesIncludeTheOnesOfNow() {
        #expect(value("max listen queue") == 0)
        #expect(value("listen queue") == .null)
        PoolRecord(in: memory).raise(.maxListenQueue, to: 5)
        #expect(value("max listen queue", ListenQueue(length: 3, limit: 8)) == 5)
        #expect(value("max listen queue", ListenQueue(length: 7, limit: 8)) == 7)
        #expect(value("listen queue len", ListenQueue(length: 7, limit: 8)) == 8)
    }

    /// Of a call that waited without a thread, only the time on its thread counts.
    @Test func callsThatTookLongerThanTheSettingAreSlow() {
        let metrics = Metrics(in: memory, slowRequest: .milliseconds(1_500))
        #expect(value("slow requests") == 0)
        for (duration, threadTime) in [(1_400, nil), (1_500, nil), (90_000, nil), (90_000, 1_400)] as [(Int, Int?)] {
            var request = FinishedRequest(requestID: "r", method: "GET")
            request.duration = .milliseconds(duration)
            request.threadTime = threadTime.map { .milliseconds($0) }
            metrics.observe(.application(.requestFinished(request)))
        }
        #expect(value("accepted conn") == 4)
        #expect(value("slow requests") == 2)
        let off = Metrics(in: memory)
        off.observe(.application(.requestFinished(FinishedRequest(requestID: "r", method: "GET"))))
        #expect(value("slow requests") == 2)
    }

    @Test func theTextHasOneLineForEachFieldAndABlockForEachThread() throws {
        PoolRecord(in: memory).raise(.started, to: 1_700_000_000)
        _ = try #require(scoreboard.enter(as: .responder, at: 1_700_000_000))
        let seat = try #require(scoreboard.takeSeat())
        seat.begin(at: now)
        seat.show(SeriesKey("GET /me"))

        let short = status().text(isFull: false)
        #expect(short.hasPrefix("pool:                  flow-manager\n"))
        #expect(short.contains("\nstart time:            2023-11-14T22:13:20.000Z\nstart since:           100\n"))
        #expect(short.contains("\nlisten queue:          -\n"))
        let full = status().text(isFull: true)
        #expect(full.hasPrefix(short + "************************\npid:                   \(getpid())\n"))
        #expect(full.hasSuffix("\nrequests:              0\nroute:                 GET /me\n"))
    }
}
