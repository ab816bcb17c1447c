import System

extension Span<UInt8> {
    /// Whether every byte is a printable ASCII character, so that no further check is needed.
    var isPrintableASCII: Bool {
        var index = 0
        return unsafe withUnsafeBytes { bytes in
            while index + 8 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let found = word | word.bytes(below: 0x20) | word.bytes(equalTo: 0x7F)
                if found & UInt64.highestBits != 0 { return false }
                index += 8
            }
            while index < bytes.count {
                guard unsafe bytes[index] >= 0x20, unsafe bytes[index] < 0x7F else { return false }
                index += 1
            }
            return true
        }
    }

    /// Whether it contains a control character other than tab (RFC 9110, section 5.5).
    var holdsControls: Bool {
        if isPrintableASCII { return false }
        for index in indices where self[index] < 0x20 && self[index] != 0x09 || self[index] == 0x7F { return true }
        return false
    }
}
