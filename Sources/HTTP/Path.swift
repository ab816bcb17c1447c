/// The path of a request, split and decoded once; routes are matched on this one form only.
package struct Path: Sendable {
    package let segments: [String]

    /// Nil for a path that no route can mean and whose readings differ between servers: not absolute, an empty
    /// segment, `.` or `..`, an encoded slash or backslash, a control character, or text that is not UTF-8.
    package init?(parsing path: some StringProtocol) {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        // By bytes throughout: a character may begin with a slash and go on with a combining mark.
        let rest = path.utf8.dropFirst()
        if rest.isEmpty {
            segments = []
            return
        }
        var segments: [String] = []
        for raw in rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let segment = PercentEncoding.decode(raw), !segment.isEmpty, segment != ".", segment != "..",
                !segment.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") })
            else { return nil }
            segments.append(segment)
        }
        self.segments = segments
    }
}

extension Request {
    /// The target up to the `?`.
    package var path: Substring { target[..<queryMark] }

    /// The target after the `?`; empty without one.
    package var query: Substring { Substring(target.utf8[queryMark...].dropFirst()) }

    private var queryMark: String.Index { target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex }
}
