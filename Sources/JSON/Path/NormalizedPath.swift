import System

/// The location of one node (RFC 9535, section 2.7): the query that selects just this node, in the one form that all
/// implementations write.
package struct NormalizedPath: Sendable, CustomStringConvertible {
    /// Indices count from the beginning.
    let steps: [JSONPath.Step]

    package var description: String {
        var text = "$"
        for step in steps {
            switch step {
            case .index(let index): text += "[\(index)]"
            case .name(let name):
                text += "['"
                for scalar in name.unicodeScalars { Self.append(scalar, to: &text) }
                text += "']"
            }
        }
        return text
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "\u{8}": text += "\\b"
        case "\u{c}": text += "\\f"
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case "'": text += "\\'"
        case "\\": text += "\\\\"
        case "\0"..<" ": text += "\\u00" + Hexadecimal.encode([UInt8(scalar.value)])
        default: text.unicodeScalars.append(scalar)
        }
    }
}
