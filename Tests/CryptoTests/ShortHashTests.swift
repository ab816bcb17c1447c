import Testing

@testable import Crypto

@Suite struct ShortHashTests {
    /// The first test vectors of SipHash-2-4's reference implementation: messages of the bytes 0, 1, 2 …
    @Test(arguments: [(0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (7, 0xab02_00f5_8b01_d137)])
    func isSipHash(length: Int, digest: UInt64) {
        let hash = ShortHash(key: Array(0..<16))
        let message = String(decoding: (0..<length).map { UInt8($0) }, as: UTF8.self)
        #expect(hash.digest(of: message) == digest)
    }

    @Test func differsByKeyAndMessage() {
        let (one, other) = (ShortHash(key: Array(0..<32)), ShortHash(key: Array(1..<17)))
        #expect(one.digest(of: "a") != other.digest(of: "a"))
        #expect(one.digest(of: "a") != one.digest(of: "b"))
    }
}
