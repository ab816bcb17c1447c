/// Times as text (RFC 3339), in UTC to the millisecond.
enum RFC3339 {
    /// `nanoseconds` since 1970. The date is the proleptic Gregorian one, counted in eras of 400 years from March.
    static func text(nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let (days, time) = (milliseconds / 86_400_000, milliseconds % 86_400_000)
        let shifted = days + 719_468
        let (era, dayOfEra) = (shifted / 146_097, shifted % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let (hour, minute) = (time / 3_600_000, time / 60_000 % 60)
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(hour)):\(padded(minute))"
            + ":\(padded(time / 1_000 % 60)).\(padded(time % 1_000, 3))Z"
    }

    private static func padded(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
