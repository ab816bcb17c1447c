/// The place of a call in a distributed trace (W3C Trace Context, section 3.2): the value of `traceparent`, version 00.
package struct TraceParent: Sendable, Equatable {
    package let text: String

    /// Nil unless the text is `00-TRACE-PARENT-FLAGS` in lower case, and neither id is zero.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let dashes = [2, 35, 52]
        guard bytes.count == 55, text.hasPrefix("00-") else { return nil }
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "-") where dashes.contains(index): continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                guard !dashes.contains(index) else { return nil }
            default: return nil
            }
        }
        for id in [bytes[3..<35], bytes[36..<52]] where id.allSatisfy({ $0 == UInt8(ascii: "0") }) { return nil }
        self.text = text
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
