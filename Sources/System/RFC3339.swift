/// Times as text (RFC 3339) of milliseconds since 1970. Dates are those of the proleptic Gregorian calendar, counted in
/// eras of 400 years from March.
package enum RFC3339 {
    /// The length of a text in bytes.
    package static let length = 24

    /// In UTC, to the millisecond; for times from 1970 on.
    package static func text(milliseconds: Int64) -> String {
        unsafe String(unsafeUninitializedCapacity: length) { text in
            unsafe write(milliseconds: milliseconds, to: text)
            return length
        }
    }

    /// Writes the same text to the beginning of a buffer, which must have room for `length` bytes.
    package static func write(milliseconds: Int64, to text: UnsafeMutableBufferPointer<UInt8>) {
        precondition(text.count >= length)
        let (days, time) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
        let shifted = days + 719_468
        let (era, dayOfEra) = (shifted / 146_097, shifted % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var end = 0
        func append(_ number: Int64, _ digits: Int, then separator: UInt8) {
            var rest = number
            for position in (end..<end + digits).reversed() {
                unsafe text[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            unsafe text[end + digits] = separator
            end += digits + 1
        }
        append(year, 4, then: UInt8(ascii: "-"))
        append(month, 2, then: UInt8(ascii: "-"))
        append(day, 2, then: UInt8(ascii: "T"))
        append(time / 3_600_000, 2, then: UInt8(ascii: ":"))
        append(time / 60_000 % 60, 2, then: UInt8(ascii: ":"))
        append(time / 1_000 % 60, 2, then: UInt8(ascii: "."))
        append(time % 1_000, 3, then: UInt8(ascii: "Z"))
    }

    /// The time that the text names, without smaller parts of a second than milliseconds; nil unless it is a date and
    /// time with an offset, in the range of Postgres: not in the year 0, and not with an offset of 16 hours or more. A
    /// leap second is the second after it.
    package static func milliseconds(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        func digits(_ count: Int, upTo maximum: Int64) -> Int64? {
            guard rest.count >= count else { return nil }
            var number: Int64 = 0
            for byte in rest.prefix(count) {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                number = number * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            rest = rest.dropFirst(count)
            return number <= maximum ? number : nil
        }
        /// The next byte, which must be one of these; a letter may be in lower case.
        func next(_ choices: String) -> UInt8? {
            guard let byte = rest.popFirst() else { return nil }
            let upper = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
            return choices.utf8.contains(upper) ? upper : nil
        }
        guard let year = digits(4, upTo: 9_999), year > 0, next("-") != nil, let month = digits(2, upTo: 12), month > 0,
            next("-") != nil, let day = digits(2, upTo: 31), day > 0, day <= length(ofMonth: month, year),
            next("T") != nil, let hour = digits(2, upTo: 23), next(":") != nil, let minute = digits(2, upTo: 59),
            next(":") != nil, let second = digits(2, upTo: 60)
        else { return nil }
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard let first = digits(1, upTo: 9) else { return nil }
            fraction = first * 100
            for unit in [10, 1, 0, 0, 0, 0, 0, 0] as [Int64] { fraction += (digits(1, upTo: 9) ?? 0) * unit }
        }
        guard let zone = next("Z+-") else { return nil }
        var offset: Int64 = 0
        if zone != UInt8(ascii: "Z") {
            guard let hours = digits(2, upTo: 15), next(":") != nil, let minutes = digits(2, upTo: 59) else {
                return nil
            }
            offset = (hours * 60 + minutes) * (zone == UInt8(ascii: "+") ? 1 : -1)
        }
        guard rest.isEmpty else { return nil }
        let minutes = days(to: year, month, day) * 1_440 + hour * 60 + minute - offset
        return (minutes * 60 + second) * 1_000 + fraction
    }

    private static func length(ofMonth month: Int64, _ year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? isLeap ? 29 : 28 : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// The days from 1970 to this date.
    private static func days(to year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = year - (month <= 2 ? 1 : 0)
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
