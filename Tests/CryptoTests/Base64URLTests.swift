import Crypto
import Testing

@Suite struct Base64URLTests {
    /// RFC 4648, section 10, and the two characters in which the alphabets differ.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"), ("~~~???", "fn5-Pz8_"),
    ])
    func encodesAndDecodes(plain: String, encoded: String) {
        #expect(Base64URL.encode(plain.utf8) == encoded)
        #expect(Base64URL.decode(encoded.utf8) == Array(plain.utf8))
    }

    @Test func allBytesAreDecodedAsEncoded() {
        let bytes = Array(UInt8.min...UInt8.max)
        for count in 0...bytes.count {
            #expect(Base64URL.decode(Base64URL.encode(bytes[..<count]).utf8) == Array(bytes[..<count]))
        }
    }

    @Test(arguments: [
        "Zg==", "Zm8=", "=", "Zg=",  // padding
        "Z", "Zm9vY",  // an impossible length
        "Zh", "Zm9", "Zm9vYmF",  // unused bits set
        " Zg", "Zg ", "Zg\n", "Z g", "Zm9v\r\nYmFy",  // white space
        "fn5+Pz8/", "Zm.v", "Zm9v\0", "Zm9vé",  // another alphabet
    ])
    func refusesInvalidTexts(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}
