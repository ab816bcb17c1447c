/// A location in a JSON value (RFC 6901), from the root down: `["flow", "tasks", .index(0)]`.
package struct JSONPointer: Sendable, Equatable, ExpressibleByArrayLiteral, CustomStringConvertible {
    package enum Token: Sendable, Equatable, ExpressibleByStringLiteral {
        case name(String)
        case index(Int)

        package init(stringLiteral value: String) { self = .name(value) }
    }

    private let tokens: [Token]

    /// The maximum length of the text, in bytes before escaping.
    private static let maximumLength = 2_000

    package init(_ tokens: [Token]) { self.tokens = tokens }

    package init(arrayLiteral tokens: Token...) { self.tokens = tokens }

    /// The text: each token after a `/`, with `~` as `~0` and `/` as `~1`; the whole value is the empty string.
    /// If that is too long, it is the text of the nearest location above for which it is not.
    package var description: String {
        var text = ""
        for token in tokens {
            if case .name(let name) = token, text.utf8.count + name.utf8.count > Self.maximumLength { break }
            text += "/"
            switch token {
            case .index(let index): text += String(index)
            case .name(let name):
                for scalar in name.unicodeScalars {
                    switch scalar {
                    case "~": text += "~0"
                    case "/": text += "~1"
                    default: text.unicodeScalars.append(scalar)
                    }
                }
            }
        }
        return text
    }
}
