import Glibc
import System
import Testing

@testable import SharedMemory

/// The rows of processes and threads.
@Suite struct ScoreboardTests {
    private let memory: SharedMemory
    private let scoreboard: Scoreboard

    init() throws {
        memory = try SharedMemory()
        scoreboard = Scoreboard(in: memory)
    }

    @Test func showsThisProcessAndItsThreads() throws {
        let process = try #require(scoreboard.enter(as: .worker, at: 1_700_000_000))
        process.add(3, to: .connections)
        process.add(-1, to: .connections)
        let seats = try (0..<2).map { _ in try #require(scoreboard.takeSeat()) }
        let begun = Monotonic(milliseconds: 5_000)
        seats[0].begin(at: begun)
        seats[0].show(SeriesKey("GET /me"))
        seats[0].show(run: "01a229ca-259c-768c-93d0-ca896b8f592c")
        seats[1].begin(at: begun)
        seats[1].end(at: begun + .seconds(1))

        let shown = try #require(scoreboard.processes.first)
        #expect(scoreboard.processes.count == 1)
        #expect(shown.id == getpid() && shown.role == .worker && shown.begun == 1_700_000_000)
        #expect(
            shown.gauges == [
                .connections: 2, .parked: 0, .streams: 0, .hidden: 0, .callsRunning: 0, .callsWaiting: 0,
            ])
        #expect(shown.threads.map(\.isBusy) == [true, false])
        #expect(shown.threads.map(\.since) == [begun, begun + .seconds(1)])
        #expect(shown.threads.map(\.count) == [0, 1])
        #expect(shown.threads.map(\.activity) == [SeriesKey("GET /me"), nil])
        #expect(shown.threads[0].run == (0x01a2_29ca_259c_768c, 0x93d0_ca89_6b8f_592c))
    }

    /// A gauge is not less than zero, whatever the order of its changes.
    @Test func aGaugeIsNotNegative() throws {
        try #require(scoreboard.enter(as: .responder, at: 1)).add(-1, to: .parked)
        #expect(scoreboard.processes.first?.gauges[.parked] == 0)
    }

    @Test func rowsOfAnEndedProcessAreNotShownAndTakenAgain() throws {
        let process = try #require(scoreboard.enter(as: .responder, at: 1))
        let seat = try #require(scoreboard.takeSeat())
        seat.begin()
        // No process has this id and start.
        let ended = Holder(id: getpid(), start: 1).word
        for index in [process.index, seat.index] {
            #expect(memory.replace(scoreboard.holder.word, by: ended, at: index))
        }
        #expect(scoreboard.processes.isEmpty)
        #expect(try #require(scoreboard.enter(as: .worker, at: 2)).index == process.index)
        #expect(try #require(scoreboard.takeSeat()).index == seat.index)
        #expect(scoreboard.processes.first?.threads.map(\.isBusy) == [false])
    }

    @Test func rowsOfARunningProcessAreKept() throws {
        let process = try #require(scoreboard.enter(as: .responder, at: 1))
        let seat = try #require(scoreboard.takeSeat())
        let parent = Holder(id: getppid()).word
        for index in [process.index, seat.index] {
            #expect(memory.replace(scoreboard.holder.word, by: parent, at: index))
        }
        #expect(try #require(scoreboard.enter(as: .worker, at: 2)).index > process.index)
        #expect(try #require(scoreboard.takeSeat()).index > seat.index)
        #expect(scoreboard.processes.map(\.id) == [getppid(), getpid()])
    }

    @Test func threadsBeyondAFullBoardAreCounted() throws {
        for _ in 0..<Scoreboard.threadCapacity { #expect(scoreboard.takeSeat() != nil) }
        #expect(scoreboard.takeSeat() == nil, "also without a row of the process")
        _ = try #require(scoreboard.enter(as: .responder, at: 1))
        for _ in 0..<2 { #expect(scoreboard.takeSeat() == nil) }
        #expect(scoreboard.processes.first?.gauges[.hidden] == 2)
    }
}
