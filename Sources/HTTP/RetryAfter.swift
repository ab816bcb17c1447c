import System

/// How long a server asks its client to wait (RFC 9110, section 10.2.3).
package enum RetryAfter {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The value of the header field: seconds, or a date in the preferred form (RFC 9110, section 5.6.7). Nil for any
    /// other text; zero for a date that has passed.
    ///
    /// - Parameter now: in seconds since 1970.
    package static func duration(_ text: String, now: Int64) -> Duration? {
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return .seconds(Int64(text) ?? .max / 1_000)
        }
        // Sun, 06 Nov 1994 08:49:37 GMT
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].utf8.count == 4, words[5] == "GMT",
            let month = months.firstIndex(of: String(words[2])),
            let moment = RFC3339.milliseconds(
                "\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4])Z")
        else { return nil }
        return .seconds(max(0, moment / 1_000 - now))
    }
}
