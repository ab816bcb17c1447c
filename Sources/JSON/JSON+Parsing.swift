import CSimdjson
import System

extension JSON {
    /// Parses one document; refuses everything that RFC 8259 does not allow or that exceeds the limits.
    ///
    /// libsimdjson checks the encoding and the whole grammar. It produces a tape of 64-bit words, from which the value
    /// is built in one pass. Time is linear in the length, for hostile documents too.
    package init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
        // Released in every case: the memory of a large document is freed even if the document is refused.
        defer { csimdjson_release() }
        var document = unsafe csimdjson_document()
        let outcome = unsafe csimdjson_parse(bytes, bytes.count, limits.depth, &document)
        switch outcome {
        case CSIMDJSON_PARSED: break
        case CSIMDJSON_EMPTY: throw .empty
        case CSIMDJSON_ENCODING: throw .encoding
        case CSIMDJSON_TOO_DEEP: throw .tooDeep
        case CSIMDJSON_TOO_LARGE: throw .tooLarge
        case CSIMDJSON_OUT_OF_MEMORY: throw .outOfMemory
        case CSIMDJSON_NUMBER: throw everyNumberIsWellFormed(in: bytes) ? .numberOutOfRange : .syntax
        default: throw .syntax
        }
        var walk = unsafe TapeWalk(document: document, limits: limits)
        self = try walk.value(depth: 0)
    }
}

/// Builds a value from simdjson's tape, front to back.
///
/// The tape is trusted: simdjson wrote it, so its indices and the UTF-8 of its strings are right.
@safe private struct TapeWalk: ~Copyable {
    private let tape: UnsafePointer<UInt64>
    private let strings: UnsafePointer<UInt8>
    private let limits: JSONLimits
    /// The word to read next; the first one is the root.
    private var index = 1

    init(document: csimdjson_document, limits: JSONLimits) {
        unsafe tape = document.tape
        unsafe strings = document.strings
        self.limits = limits
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        let word = unsafe tape[index]
        index += 1
        switch UInt8(truncatingIfNeeded: word >> 56) {
        case UInt8(ascii: "\""): return .string(try string(at: word))
        case UInt8(ascii: "{"): return .object(try object(count: count(in: word), depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(count: count(in: word), depth: depth + 1))
        case UInt8(ascii: "l"): return .integer(Int64(bitPattern: next()))
        case UInt8(ascii: "u"): return .unsigned(next())
        case UInt8(ascii: "d"): return .number(Double(bitPattern: next()))
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        default: return .null
        }
    }

    private mutating func array(count: Int, depth: Int) throws(JSONError) -> [JSON] {
        guard depth <= limits.depth else { throw .tooDeep }
        guard count <= limits.elements else { throw .tooManyElements }
        var elements: [JSON] = []
        elements.reserveCapacity(count)
        while unsafe tape[index] >> 56 != UInt8(ascii: "]") {
            elements.append(try value(depth: depth))
        }
        index += 1
        return elements
    }

    private mutating func object(count: Int, depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= limits.depth else { throw .tooDeep }
        guard count <= limits.members else { throw .tooManyMembers }
        var members: [JSONObject.Member] = []
        members.reserveCapacity(count)
        var names = Set<TextKey>()
        while unsafe tape[index] >> 56 != UInt8(ascii: "}") {
            let name = try string(at: next())
            guard isNew(name, after: members, &names) else { throw .duplicateName(name) }
            members.append(JSONObject.Member(name: name, value: try value(depth: depth)))
        }
        index += 1
        return JSONObject(members)
    }

    /// Few and short names are compared one by one, which is fastest; for others a set is used.
    private func isNew(_ name: String, after members: [JSONObject.Member], _ names: inout Set<TextKey>) -> Bool {
        if names.isEmpty {
            if members.count < 16, name.utf8.count <= 64 {
                return !members.contains { $0.name.hasSameBytes(as: name) }
            }
            names = Set(members.lazy.map { TextKey($0.name) })
        }
        return names.insert(TextKey(name)).inserted
    }

    private mutating func next() -> UInt64 {
        defer { index += 1 }
        return unsafe tape[index]
    }

    /// The number of members or elements; simdjson's count ends at 2^24 - 1.
    private func count(in word: UInt64) -> Int { Int(word >> 32 & 0xFF_FFFF) }

    private func string(at word: UInt64) throws(JSONError) -> String {
        let start = unsafe strings + Int(word & 0xFF_FFFF_FFFF_FFFF)
        let length = Int(unsafe UnsafeRawPointer(start).loadUnaligned(as: UInt32.self))
        let bytes = unsafe UnsafeBufferPointer(start: start + 4, count: length)
        var text = unsafe UTF8Span(unchecked: bytes.span)
        // Strings that are known to be ASCII are compared and converted fastest.
        _ = text.checkForASCII()
        let string = String(copying: text)
        if string.hasMarksInARow(moreThan: limits.marks) { throw .tooManyMarks }
        return string
    }
}
