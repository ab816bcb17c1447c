import Cron
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// The instants of schedules in time zones that set their clocks. In 2026, Berlin does so on March 29 and October 25 at
/// 01:00 UTC, New York on March 8 at 07:00 and November 1 at 06:00, and Lord Howe Island, by half an hour, on April 4
/// at 15:00 and October 3 at 15:30.
@Suite struct ScheduleTimesTests {
    private let database: TestDatabase
    private let connection: Connection

    init() throws {
        database = try TestDatabase.make()
        connection = database.connect()
    }

    private static func seconds(_ text: String) throws -> Int64 {
        try #require(RFC3339.milliseconds("2026-\(text):00Z")) / 1_000
    }

    private static func text(_ seconds: Int64) -> String {
        String(RFC3339.text(milliseconds: seconds * 1_000).dropFirst(5).prefix(11))
    }

    private func span(_ zone: String, from start: Int64, until end: Int64) throws -> ScheduleSpan {
        let columns = ScheduleSpan.columns(from: "t.a", until: "t.b", in: "\(zone)::text")
        let row = try connection.query(
            "SELECT \(columns) FROM (SELECT to_timestamp(\(start)) AS a, to_timestamp(\(end)) AS b) t"
        ).only
        var values = row.columns
        return try ScheduleSpan(&values)
    }

    /// The instants of the year 2026 after `start` until `end`, and the next ones, in UTC without the year.
    private func instants(
        _ cron: String, in zone: String, from start: String, until end: String
    ) throws -> (inside: [String], after: [String]) {
        let span = try span(zone, from: Self.seconds(start), until: Self.seconds(end))
        let found = try span.instants(of: CronExpression(cron), in: zone, on: connection)
        return (found.inside.map(Self.text), found.after.map(Self.text))
    }

    private typealias Case = (cron: String, zone: String, start: String, end: String, expected: [String])

    @Test(arguments: [
        // Passed over: 02:00 to 03:00 in Berlin and New York, 02:00 to 02:30 on Lord Howe Island.
        ("30 2 * * *", "Europe/Berlin", "03-27T12:00", "03-31T00:00", ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
        ("0 1-3 * * *", "Europe/Berlin", "03-28T12:00", "03-29T12:00", ["03-29T00:00", "03-29T01:00"]),
        ("*/30 2 * * *", "Europe/Berlin", "03-28T12:00", "03-29T12:00", ["03-29T01:00", "03-29T01:30"]),
        ("59 2 29 3 *", "Europe/Berlin", "03-29T01:30", "03-29T12:00", ["03-29T01:59"]),
        ("0 */2 * * *", "Europe/Berlin", "03-28T22:30", "03-29T03:00", ["03-28T23:00", "03-29T01:00", "03-29T02:00"]),
        ("30 2 8 3 *", "America/New_York", "03-01T00:00", "03-31T00:00", ["03-08T07:30"]),
        ("15,45 2 4 10 *", "Australia/Lord_Howe", "10-01T00:00", "10-31T00:00", ["10-03T15:45"]),
        ("15,50 2 4 10 *", "Australia/Lord_Howe", "10-01T00:00", "10-31T00:00", ["10-03T15:45", "10-03T15:50"]),
        // Shown twice: 02:00 to 03:00 in Berlin, 01:00 to 02:00 in New York, 01:30 to 02:00 on Lord Howe Island.
        ("30 2 * * *", "Europe/Berlin", "10-23T12:00", "10-27T00:00", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        ("30 * * * *", "Europe/Berlin", "10-25T00:00", "10-25T02:00", ["10-25T00:30", "10-25T01:30"]),
        ("0 1-3 * * *", "Europe/Berlin", "10-24T12:00", "10-25T12:00", ["10-24T23:00", "10-25T00:00", "10-25T02:00"]),
        ("0 */2 * * *", "Europe/Berlin", "10-24T22:30", "10-25T03:30", ["10-25T00:00", "10-25T01:00", "10-25T03:00"]),
        ("0 * * * *", "Europe/Berlin", "10-25T00:50", "10-25T01:10", ["10-25T01:00"]),
        ("30 2 * * *", "Europe/Berlin", "10-25T00:50", "10-26T00:00", []),
        ("30 1 1 11 *", "America/New_York", "10-01T00:00", "11-30T00:00", ["11-01T05:30"]),
        ("30 * 1 11 *", "America/New_York", "11-01T05:00", "11-01T07:00", ["11-01T05:30", "11-01T06:30"]),
        ("45 1 5 4 *", "Australia/Lord_Howe", "04-01T00:00", "04-30T00:00", ["04-04T14:45"]),
        ("45 * 5 4 *", "Australia/Lord_Howe", "04-04T14:00", "04-04T16:00", ["04-04T14:45", "04-04T15:15"]),
        ("15 * 5 4 *", "Australia/Lord_Howe", "04-04T14:00", "04-04T16:00", ["04-04T14:15", "04-04T15:45"]),
        // No change of clocks, far from UTC.
        ("0 0 * * *", "Pacific/Apia", "06-01T00:00", "06-02T12:00", ["06-01T11:00", "06-02T11:00"]),
        ("0 0 * * *", "Pacific/Pago_Pago", "06-01T00:00", "06-02T12:00", ["06-01T11:00", "06-02T11:00"]),
        ("59 23 31 12 *", "Asia/Kathmandu", "12-01T00:00", "12-31T23:00", ["12-31T18:14"]),
    ])
    func instantsWhereClocksAreSet(
        cron: String, zone: String, start: String, end: String, expected: [String]
    ) throws {
        #expect(try instants(cron, in: zone, from: start, until: end).inside == expected)
    }

    @Test func theNextInstantsGoOnAcrossAChange() throws {
        let sundays = try instants("30 2 * * SUN", in: "Europe/Berlin", from: "10-02T00:00", until: "10-02T00:00")
        #expect(sundays.inside == [])
        #expect(sundays.after == ["10-04T00:30", "10-11T00:30", "10-18T00:30", "10-25T00:30", "11-01T01:30"])
        let quarters = try instants("*/15 * * * *", in: "Europe/Berlin", from: "10-25T00:35", until: "10-25T00:35")
        #expect(quarters.after == ["10-25T00:45", "10-25T01:00", "10-25T01:15", "10-25T01:30", "10-25T01:45"])
        // 02:45 is passed over and comes after 03:00.
        let spring = try instants("0,45 2,3 * * *", in: "Europe/Berlin", from: "03-28T12:00", until: "03-28T12:00")
        #expect(spring.after == ["03-29T01:00", "03-29T01:45", "03-30T00:00", "03-30T00:45", "03-30T01:00"])
        let yearly = try instants("30 2 29 3 *", in: "Europe/Berlin", from: "01-01T00:00", until: "01-01T00:00")
        #expect(yearly.after.first == "03-29T01:30" && yearly.after.count == 5)
    }

    /// Each quarter of an hour, whatever the clocks do.
    @Test(arguments: [
        ("Europe/Berlin", "03-28T20:00", "03-29T06:00"), ("Europe/Berlin", "10-24T20:00", "10-25T06:00"),
        ("America/New_York", "03-08T02:00", "03-08T12:00"), ("America/New_York", "11-01T01:00", "11-01T11:00"),
        ("Australia/Lord_Howe", "04-04T10:00", "04-04T20:00"), ("Australia/Lord_Howe", "10-03T10:00", "10-03T20:00"),
    ])
    func everyQuarterFiresOnce(zone: String, from: String, until: String) throws {
        let (start, end) = (try Self.seconds(from), try Self.seconds(until))
        let expected = stride(from: start + 900, through: end, by: 900).map(Self.text)
        #expect(try instants("*/15 * * * *", in: zone, from: from, until: until).inside == expected)
        // The same in steps, as a schedule is fired.
        let expression = try CronExpression("*/15 * * * *")
        var (last, seen) = (start, [] as [String])
        while last < end {
            let next = try span(zone, from: last, until: last).instants(of: expression, in: zone, on: connection)
            last = try #require(next.after.first)
            seen.append(Self.text(last))
        }
        #expect(seen == expected)
    }

    /// What a clock that is set back shows is compared minute by minute.
    @Test(arguments: [
        ("Europe/Berlin", "10-24T22:00", "10-25T04:00"), ("America/New_York", "11-01T03:00", "11-01T09:00"),
        ("Australia/Lord_Howe", "04-04T12:00", "04-04T18:00"), ("UTC", "10-24T22:00", "10-25T04:00"),
    ])
    func instantsAreThoseAtWhichAClockShowsTheTime(zone: String, from: String, until: String) throws {
        let (start, end) = (try Self.seconds(from), try Self.seconds(until))
        let minutes = try connection.query(
            """
            SELECT u, wall_clock(to_timestamp(u), \(zone)) FROM generate_series(
                \(start - 86_400)::bigint, \(end)::bigint, 60) u ORDER BY u
            """
        ).map { try $0.decode(Int64.self, Int64.self) }
        let expressions = [
            "* * * * *", "*/7 */3 * * *", "*/7 1-3 * * *", "30,45 1,2 * * *", "15 * 25 10 *", "0 0-23 1,5 * *",
        ]
        for cron in expressions {
            let expression = try CronExpression(cron)
            var (shown, expected) = ([] as Set<Int64>, [] as [Int64])
            for (instant, time) in minutes {
                let isFirst = shown.insert(time).inserted
                guard instant > start, isFirst || expression.isForEachHour else { continue }
                if expression.next(after: LocalTime(minutes: time - 1)) == LocalTime(minutes: time) {
                    expected.append(instant)
                }
            }
            let found = try span(zone, from: start, until: end).instants(of: expression, in: zone, on: connection)
            #expect(found.inside == expected, "\(cron) in \(zone)")
        }
    }
}
