/// When something is to happen again and again, in the form of crontab(5) as Debian's cron has it: five fields, or one
/// of the words `@hourly`, `@daily` and so on. It is about wall-clock times; time zones are left to the caller.
///
/// If both the day of the month and the day of the week are restricted, one of them is enough; if one of them begins
/// with `*`, both must fit, as in cron.
package struct CronExpression: Sendable {
    /// The hour's field begins with `*`: it is meant for each hour, however often the clock shows it.
    package let isForEachHour: Bool
    /// The bit of each value of a field is set if the field has it.
    private let minutes, hours, days, months, weekdays: UInt64
    private let needsBothDays: Bool

    /// - Throws: the first mistake in the text. It is a mistake, too, if the expression never fires.
    package init(_ text: String) throws(CronMistake) {
        let fields = try CronField.all(in: text)
        minutes = try fields[0].values()
        hours = try fields[1].values()
        days = try fields[2].values()
        months = try fields[3].values()
        weekdays = try fields[4].values()
        isForEachHour = fields[1].beginsWithStar
        needsBothDays = fields[2].beginsWithStar || fields[4].beginsWithStar
        guard next(after: LocalTime(minutes: 0)) != nil else {
            throw CronMistake(position: fields[2].position, message: "no month of these has such a day")
        }
    }

    /// The first time after `time` at which the expression fires. Nil if that is more than forty years later, which is
    /// the longest time between two 29ths of February on the same day of the week.
    package func next(after time: LocalTime) -> LocalTime? {
        let start = time.minutes + 1
        var day = Day(number: floorDivision(start, 1_440))
        let limit = day.number + 41 * 366
        var firstMinute = Int(start - day.number * 1_440)
        while day.number < limit {
            if !Self.has(day.month, months) {
                day.advanceToNextMonth()
            } else {
                if isOn(day), let minute = minute(from: firstMinute) {
                    return LocalTime(minutes: day.number * 1_440 + Int64(minute))
                }
                day.advance()
            }
            firstMinute = 0
        }
        return nil
    }

    /// The times after `time` at which the expression fires, in order.
    package func times(after time: LocalTime) -> some Sequence<LocalTime> {
        sequence(state: time) { last in
            guard let next = next(after: last) else { return nil }
            last = next
            return next
        }
    }

    private func isOn(_ day: Day) -> Bool {
        let (isDay, isWeekday) = (Self.has(day.ofMonth, days), Self.has(day.weekday, weekdays))
        return needsBothDays ? isDay && isWeekday : isDay || isWeekday
    }

    /// The first minute of a day, from that one on; nil if none is left.
    private func minute(from first: Int) -> Int? {
        var hour = first / 60
        var rest = minutes & (~0 << UInt64(first % 60))
        while hour < 24 {
            if Self.has(hour, hours), rest != 0 { return hour * 60 + rest.trailingZeroBitCount }
            hour += 1
            rest = minutes
        }
        return nil
    }

    private static func has(_ value: Int, _ values: UInt64) -> Bool { values & (1 << UInt64(value)) != 0 }
}

private func floorDivision(_ dividend: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
}

/// Why a text is no cron expression.
package struct CronMistake: Error, Sendable, Equatable, CustomStringConvertible {
    /// Of the character, from 1.
    package let position: Int
    package let message: String

    package var description: String { "\(message) (at character \(position))" }
}
