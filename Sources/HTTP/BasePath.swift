/// The path under which the web server has this program, such as `/flow` for `https://example.org/flow/login`; empty
/// for a whole site.
///
/// Routes, and everything stored, have paths without it. It is removed from a request before that is routed, and added
/// to what clients follow: `Location`, the paths of cookies, links of pages, and the server of the OpenAPI document.
package struct BasePath: Hashable, Sendable, CustomStringConvertible {
    /// Without a slash at its end; empty for a whole site.
    package let description: String
    private let segments: [String]

    package static let none = BasePath()

    /// In bytes.
    package static let maximumLength = 200

    private init() {
        (description, segments) = ("", [])
    }

    /// Nil unless it is absolute and consists of letters, digits, `-`, `_`, `.` and `~`, which have no meaning in a web
    /// server's configuration or in HTML (unreserved characters, RFC 3986, section 2.3). A slash at its end has no
    /// meaning.
    package init?(parsing text: String) {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/-_.~".utf8.contains(byte)
            }
        }
        guard isPlain, text.utf8.count <= Self.maximumLength, let path = Path(parsing: text[...]) else { return nil }
        segments = path.segments
        description = segments.map { "/" + $0 }.joined()
    }

    /// The rest of a path below this one; nil for any other path.
    package func relative(_ path: Path) -> Path? {
        if segments.isEmpty { return path }
        return path.segments.starts(with: segments) ? Path(segments: path.segments.dropFirst(segments.count)) : nil
    }

    /// The path of a route as clients see it.
    package func appending(_ path: String) -> String { description + path }
}
