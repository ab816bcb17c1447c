import Testing

@testable import Cron

/// The times at which cron expressions fire. Wall-clock times are written as `2026-01-31 23:59`.
@Suite struct CronExpressionTests {
    /// The number of minutes; nil unless the text has the form.
    private static func time(_ text: String) -> LocalTime? {
        let numbers = text.split { "- :".contains($0) }.compactMap { Int64($0) }
        guard numbers.count == 5 else { return nil }
        // Independent of the calendar under test: years and months are counted one by one.
        func isLeap(_ year: Int64) -> Bool { year % 400 == 0 || year % 4 == 0 && year % 100 != 0 }
        let years = (1970..<numbers[0]).reduce(Int64(0)) { $0 + (isLeap($1) ? 366 : 365) }
        let lengths: [Int64] = [31, isLeap(numbers[0]) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let days = years + lengths.prefix(Int(numbers[1]) - 1).reduce(0, +) + numbers[2] - 1
        return LocalTime(minutes: (days * 24 + numbers[3]) * 60 + numbers[4])
    }

    private static let monday = "2026-11-30 12:34"

    @Test(arguments: [
        ("* * * * *", ["2026-11-30 12:35", "2026-11-30 12:36"]),
        ("*/15 * * * *", ["2026-11-30 12:45", "2026-11-30 13:00", "2026-11-30 13:15"]),
        ("5-20/5 * * * *", ["2026-11-30 13:05", "2026-11-30 13:10", "2026-11-30 13:15", "2026-11-30 13:20"]),
        ("59 23 31 12 *", ["2026-12-31 23:59", "2027-12-31 23:59"]),
        ("0 0 * * *", ["2026-12-01 00:00", "2026-12-02 00:00"]),
        ("0,30 6 * * *", ["2026-12-01 06:00", "2026-12-01 06:30"]),
        (
            "30 6 * * MON-FRI",
            ["2026-12-01 06:30", "2026-12-02 06:30", "2026-12-03 06:30", "2026-12-04 06:30", "2026-12-07 06:30"]
        ),
        ("0 12 * * 0", ["2026-12-06 12:00", "2026-12-13 12:00"]), ("0 12 * * 7", ["2026-12-06 12:00"]),
        ("0 12 * * sun", ["2026-12-06 12:00"]),
        ("0 0 * * FRI-SUN", ["2026-12-04 00:00", "2026-12-05 00:00", "2026-12-06 00:00", "2026-12-11 00:00"]),
        ("0 0 * * 5-7", ["2026-12-04 00:00", "2026-12-05 00:00", "2026-12-06 00:00", "2026-12-11 00:00"]),
        ("0 0 * * */3", ["2026-12-02 00:00", "2026-12-05 00:00", "2026-12-06 00:00"]),
        ("0 0 1 JAN,jul *", ["2027-01-01 00:00", "2027-07-01 00:00", "2028-01-01 00:00"]),
        ("0 0 1 FEB-APR *", ["2027-02-01 00:00", "2027-03-01 00:00", "2027-04-01 00:00", "2028-02-01 00:00"]),
        // Both days are restricted: one of them is enough.
        ("0 0 13 * FRI", ["2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00", "2026-12-18 00:00"]),
        // One of them begins with `*`: both must fit.
        ("0 0 */2 * MON", ["2026-12-07 00:00", "2026-12-21 00:00", "2027-01-11 00:00"]),
        ("0 0 13 * */5", ["2026-12-13 00:00", "2027-06-13 00:00", "2027-08-13 00:00"]),
        ("0 0 31 * *", ["2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 29 FEB */3", ["2032-02-29 00:00", "2040-02-29 00:00", "2048-02-29 00:00"]),
        ("34 12 30 11 *", ["2027-11-30 12:34"]), ("\t 00  01\t01 1 * ", ["2027-01-01 01:00"]),
        ("@hourly", ["2026-11-30 13:00"]), ("@daily", ["2026-12-01 00:00"]), ("@midnight", ["2026-12-01 00:00"]),
        ("@Weekly", ["2026-12-06 00:00"]), ("@monthly", ["2026-12-01 00:00"]), ("@yearly", ["2027-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00"]),
        ("0 8-18/5,22 * * *", ["2026-11-30 13:00", "2026-11-30 18:00", "2026-11-30 22:00", "2026-12-01 08:00"]),
    ])
    func firesAt(text: String, expected: [String]) throws {
        let start = try #require(Self.time(Self.monday))
        let times = try CronExpression(text).times(after: start).prefix(expected.count)
        #expect(Array(times) == expected.map { Self.time($0) })
    }

    /// 2100 is no leap year: the longest time between two 29ths of February, and between two on the same weekday.
    @Test func leapDaysAreFoundAcrossTheYear2100() throws {
        let start = try #require(Self.time("2096-03-01 00:00"))
        #expect(try CronExpression("0 0 29 2 *").next(after: start) == Self.time("2104-02-29 00:00"))
        let sundays = try CronExpression("0 0 29 2 */7")
        let last = try #require(Self.time("2088-02-29 00:00"))
        #expect(sundays.next(after: LocalTime(minutes: last.minutes - 1)) == last)
        #expect(sundays.next(after: last) == Self.time("2128-02-29 00:00"))
    }

    /// Before and after 1970.
    @Test func everyTimeIsFoundInOrder() throws {
        for start in [LocalTime(minutes: -480_000), try #require(Self.time("2027-12-01 00:00"))] {
            for text in ["7 */5 1,15 * TUE", "*/7 3 * 2-3 *", "0 0 28-31 * *"] {
                let expression = try CronExpression(text)
                var last = start
                for time in expression.times(after: start).prefix(300) {
                    #expect(last < time)
                    #expect(expression.next(after: LocalTime(minutes: time.minutes - 1)) == time)
                    #expect(expression.next(after: LocalTime(minutes: (last.minutes + time.minutes) / 2)) == time)
                    last = time
                }
            }
        }
    }

    @Test func hoursThatAreMeantForEachHour() throws {
        for text in ["0 * * * *", "0 */2 * * *", "@hourly", "0 *,5 * * *"] {
            #expect(try CronExpression(text).isForEachHour, "\(text)")
        }
        for text in ["0 0-23 * * *", "0 2 * * *", "* 2 * * *", "@daily"] {
            #expect(try !CronExpression(text).isForEachHour, "\(text)")
        }
    }

    @Test(arguments: [
        ("", 1, "five fields are required"), ("* * * *", 8, "not 4"), ("* * * * * *", 11, "not 6"),
        ("60 * * * *", 1, "'60' is no minute from 0 to 59"), ("* 24 * * *", 3, "'24' is no hour from 0 to 23"),
        ("* * 0 * *", 5, "'0' is no day of the month from 1 to 31"), ("* * 32 * *", 5, "'32' is no day of the month"),
        ("* * * 13 *", 7, "'13' is no month from 1 to 12 or from JAN to DEC"),
        ("* * * * 8", 9, "'8' is no day of the week from 0 to 7 or from SUN to SAT"),
        ("* * * JANUARY *", 7, "'JANUARY' is no month"), ("* * * MON *", 7, "'MON' is no month"),
        ("MON * * * *", 1, "'MON' is no minute"), ("1,,2 * * * *", 3, "'' is no minute"),
        ("1, * * * *", 3, "'' is no minute"), ("5-1 * * * *", 1, "the range '5-1' ends before it begins"),
        ("0 22-2 * * *", 3, "the range '22-2' ends before it begins"), ("* * * * 5-0", 9, "ends before it begins"),
        ("1-2-3 * * * *", 1, "'1-2-3' is no range"), ("-5 * * * *", 1, "'' is no minute"),
        ("*/0 * * * *", 3, "the step '0' is not from 1 to 59"),
        ("*/60 * * * *", 3, "the step '60' is not from 1 to 59"),
        ("*/ * * * *", 3, "the step '' is not"), ("*/2/3 * * * *", 4, "one step is enough"),
        ("5/15 * * * *", 1, "a step needs a range, such as '5-59/15'"), ("*-5 * * * *", 1, "'*' is no minute"),
        ("** * * * *", 1, "'**' is no minute"), ("? * * * *", 1, "'?' is no minute"), ("* * L * *", 5, "'L' is no day"),
        ("* * 15W * *", 5, "'15W' is no day"), ("* * * * 5#3", 9, "'5#3' is no day of the week"),
        ("1.5 * * * *", 1, "'1.5' is no minute"), ("0001 * * * *", 1, "'0001' is no minute"),
        ("+1 * * * *", 1, "'+1' is no minute"), ("99999999999999999999 * * * *", 1, "is no minute"),
        ("@reboot", 1, "'@reboot' is none of @annually, @daily"), ("@", 1, "'@' is none of"),
        ("@daily *", 8, "nothing may follow '@daily'"), ("* * * *\n*", 8, "no such character"),
        ("* * * * ö", 9, "no such character"), ("0 0\u{0} * * *", 4, "no such character"),
        ("0 0 31 2 *", 5, "no month of these has such a day"), ("0 0 30 FEB *", 5, "no month of these"),
        ("0 0 31 2,4,6,9,11 *", 5, "no month of these"), ("0 0 31 11 */7", 5, "no month of these"),
    ])
    func mistakesAreNamed(text: String, position: Int, message: String) {
        let mistake = #expect(throws: CronMistake.self) { try CronExpression(text) }
        #expect(mistake?.position == position, "\(text): \(mistake?.description ?? "")")
        #expect(mistake?.message.contains(message) == true, "\(text): \(mistake?.description ?? "")")
    }
}
