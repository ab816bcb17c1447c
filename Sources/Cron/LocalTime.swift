/// A time as a clock on the wall shows it, to the minute: a date of the Gregorian calendar and a time of day, without a
/// time zone. In a zone that sets its clocks, it may name two instants or none.
package struct LocalTime: Hashable, Comparable, Sendable {
    /// Since 1970-01-01 00:00.
    package let minutes: Int64

    package init(minutes: Int64) { self.minutes = minutes }

    package static func < (a: LocalTime, b: LocalTime) -> Bool { a.minutes < b.minutes }
}

/// A day of the Gregorian calendar.
struct Day {
    /// Since 1970-01-01.
    private(set) var number: Int64
    private var year: Int64
    private(set) var month: Int
    private(set) var ofMonth: Int

    /// The calendar is counted in eras of 400 years, each of which begins on the first of March.
    init(number: Int64) {
        self.number = number
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        ofMonth = Int(dayOfYear - (153 * shiftedMonth + 2) / 5) + 1
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// From 0, which is Sunday.
    var weekday: Int {
        // The first of January 1970 was a Thursday.
        let remainder = Int((number + 4) % 7)
        return remainder < 0 ? remainder + 7 : remainder
    }

    mutating func advance() {
        if ofMonth == monthLength {
            advanceToNextMonth()
        } else {
            number += 1
            ofMonth += 1
        }
    }

    mutating func advanceToNextMonth() {
        number += Int64(monthLength - ofMonth + 1)
        ofMonth = 1
        if month == 12 { year += 1 }
        month = month % 12 + 1
    }

    private var monthLength: Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
