/// The path of a request, split and decoded once; routes are matched on this one form only. One slash at the end has no
/// meaning.
package struct Path: Sendable {
    package let segments: [String]

    init(segments: some Sequence<String>) { self.segments = Array(segments) }

    /// Nil for a path that no route has and that servers read differently: not absolute, an empty segment, `.` or `..`,
    /// an encoded slash or backslash, a control character, or text that is not UTF-8.
    package init?(parsing path: Substring) {
        // By bytes throughout: a character may begin with a slash and continue with a combining mark.
        let bytes = path.utf8Span.span
        guard !bytes.isEmpty, bytes[0] == UInt8(ascii: "/") else { return nil }
        var segments: [String] = []
        // "/" alone has no segment; a second slash at the end begins an empty one.
        let count = bytes.count > 1 && bytes[bytes.count - 1] == UInt8(ascii: "/") ? bytes.count - 1 : bytes.count
        var start = bytes.count == 1 ? 2 : 1
        while start <= count {
            var end = start
            while end < count, bytes[end] != UInt8(ascii: "/") { end += 1 }
            guard let segment = PercentEncoding.decode(bytes.extracting(start..<end)), Path.isName(segment) else {
                return nil
            }
            segments.append(segment)
            start = end + 1
        }
        self.segments = segments
    }

    private static func isName(_ segment: String) -> Bool {
        !segment.isEmpty && segment != "." && segment != ".."
            && !segment.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
    }
}

extension Request {
    /// The target up to the `?`.
    package var path: Substring { target[..<queryMark] }

    /// The path without a slash at its end, so that both spellings of a route are one text.
    package var pathWithoutSlash: Substring {
        path.utf8.last == UInt8(ascii: "/") ? Substring(path.utf8.dropLast()) : path
    }

    /// The target after the `?`; empty without one.
    package var query: Substring { Substring(target.utf8[queryMark...].dropFirst()) }

    private var queryMark: String.Index {
        let bytes = target.utf8Span.span
        var offset = 0
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "?") { offset += 1 }
        return target.utf8.index(target.startIndex, offsetBy: offset)
    }
}
