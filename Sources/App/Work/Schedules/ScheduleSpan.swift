import Cron
import Postgres

/// A span of time, and what the clocks of a time zone show at its ends. The instants of a schedule in it and after it
/// follow from that.
///
/// Cron expressions are about wall-clock times, and the database knows the time zones: so the wall-clock times that may
/// matter are computed here, and the database says at which instants they are shown (the function `instants`).
struct ScheduleSpan {
    /// Seconds since 1970.
    let start, end: Int64
    private let startShown, endShown: LocalTime
    /// Whether the clocks of the zone are set within a day of the span.
    private let hasChange: Bool

    /// The largest change of clocks that is expected, in minutes.
    private static let margin: Int64 = 240

    /// What a statement selects to read a span; `start`, `end` and `zone` are expressions.
    static func columns(from start: SQL, until end: SQL, in zone: SQL) -> SQL {
        func offset(_ instant: SQL) -> SQL {
            "wall_clock(\(instant), \(zone)) - floor(extract(epoch FROM \(instant)) / 60)"
        }
        let (before, after) = ("\(start) - interval '24 hours'" as SQL, "\(end) + interval '24 hours'" as SQL)
        return """
            extract(epoch FROM \(start))::bigint, extract(epoch FROM \(end))::bigint,
                wall_clock(\(start), \(zone)), wall_clock(\(end), \(zone)),
                \(offset(before)) <> \(offset(after))
            """
    }

    init(_ columns: inout Columns) throws {
        start = try columns.next()
        end = try columns.next()
        startShown = LocalTime(minutes: try columns.next())
        endShown = LocalTime(minutes: try columns.next())
        hasChange = try columns.next()
    }

    /// The instants after the start of the span at which the expression fires, in order: all until its end, and
    /// `Schedule.shownTimes` after it.
    func instants(
        of expression: CronExpression, in zone: String, on connection: Connection
    ) throws -> (inside: [Int64], after: [Int64]) {
        let times = candidates(of: expression)
        let instants = try connection.query(
            """
            SELECT extract(epoch FROM i)::bigint FROM instants(\(times), \(zone), \(expression.isForEachHour)) i
            WHERE i > to_timestamp(\(start)) ORDER BY i
            """
        ).map { try $0.decode(Int64.self) }
        let inside = instants.prefix { $0 <= end }
        return (Array(inside), Array(instants.dropFirst(inside.count).prefix(Schedule.shownTimes)))
    }

    /// The wall-clock times of which some are shown at these instants. Where clocks are set, a time may be shown before
    /// an earlier one: so times count that are a margin away.
    func candidates(of expression: CronExpression) -> [Int64] {
        let margin = hasChange ? Self.margin : 0
        var (times, later) = ([] as [Int64], [] as [Int64])
        for time in expression.times(after: LocalTime(minutes: startShown.minutes - margin)) {
            if later.count >= Schedule.shownTimes {
                let last = later[Schedule.shownTimes - 1]
                // Clocks may be set after the span, too.
                guard hasChange || last > endShown.minutes + 1_200, time.minutes <= last + Self.margin else { break }
            }
            times.append(time.minutes)
            if time.minutes > endShown.minutes + margin { later.append(time.minutes) }
        }
        return times
    }
}
