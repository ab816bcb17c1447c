import Glibc
import System

/// Identifiers that sort by their creation time (RFC 9562, section 5.7), as lower-case text.
///
/// The 12 bits after the milliseconds hold the fraction of the millisecond (section 6.2, method 3), so the order
/// holds to a quarter of a microsecond within one machine; 62 random bits follow.
package enum UUIDv7 {
    package static func make() -> String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return text(seconds: now.tv_sec, nanoseconds: now.tv_nsec, random: .random(in: 0...UInt64.max))
    }

    /// The milliseconds since 1970 that the text of an identifier contains; nil for a text that is none.
    package static func milliseconds(of text: String) -> Int64? {
        Int64(String(text.prefix(13).filter { $0 != "-" }), radix: 16)
    }

    /// The text for a moment since 1970; the two highest random bits are not used.
    package static func text(seconds: Int, nanoseconds: Int, random: UInt64) -> String {
        let milliseconds = UInt64(seconds * 1000 + nanoseconds / 1_000_000)
        let fraction = UInt64(nanoseconds % 1_000_000 * 4096 / 1_000_000)
        let high = milliseconds << 16 | 7 << 12 | fraction
        let low = 0b10 << 62 | random & (1 << 62 - 1)
        return unsafe String(unsafeUninitializedCapacity: 36) { text in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    unsafe text[position] = UInt8(ascii: "-")
                    position += 1
                }
                let half = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - digit % 16 * 4)) & 0xF
                unsafe text[position] = Hexadecimal.digit(nibble)
                position += 1
            }
            return position
        }
    }
}
