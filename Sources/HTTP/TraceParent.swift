/// The place of a call in a distributed trace (W3C Trace Context, section 3.2), as a `traceparent` of version 00.
package struct TraceParent: Sendable, Equatable {
    package let text: String

    /// The length of a `traceparent` of version 00, in bytes.
    private static let length = 55
    private static let dashes = [2, 35, 52]

    /// Nil unless the text is `VERSION-TRACE-PARENT-FLAGS` in lower case, and neither id is zero. A version above 00
    /// may add something after a further dash, which is left out, as are all flags except `sampled` (section 4).
    package init?(_ text: String) {
        let bytes = Array(text.utf8.prefix(Self.length + 1))
        guard bytes.count >= Self.length else { return nil }
        for (index, byte) in bytes.prefix(Self.length).enumerated() {
            switch byte {
            case UInt8(ascii: "-") where Self.dashes.contains(index): continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                guard !Self.dashes.contains(index) else { return nil }
            default: return nil
            }
        }
        for id in [bytes[3..<35], bytes[36..<52]] where id.allSatisfy({ $0 == UInt8(ascii: "0") }) { return nil }
        switch text.prefix(2) {
        case "ff": return nil
        case "00":
            guard bytes.count == Self.length else { return nil }
            self.text = text
        default:
            guard bytes.count == Self.length || bytes[Self.length] == UInt8(ascii: "-") else { return nil }
            let isSampled = (Character(Unicode.Scalar(bytes[54])).hexDigitValue ?? 0) & 1 == 1
            self.text = "00" + String(decoding: bytes[2..<53], as: UTF8.self) + (isSampled ? "01" : "00")
        }
    }

    /// The id of the whole trace.
    package var traceID: String { String(text.dropFirst(3).prefix(32)) }
}

extension Request {
    /// The valid value of the header `traceparent`, which must occur once.
    package var trace: TraceParent? {
        guard let text = headers["traceparent"], headers.count(of: "traceparent") == 1 else { return nil }
        return TraceParent(text)
    }
}
