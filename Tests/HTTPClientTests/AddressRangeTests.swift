import HTTPClient
import Testing

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.0.0.0", 80, true),
        ("10.0.0.0/8", "10.255.255.255", 1, true),
        ("10.0.0.0/8", "11.0.0.0", 80, false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 80, true),
        ("10.0.0.0/8", "64:ff9b::10.1.2.3", 80, false),
        ("0.0.0.0/0", "255.255.255.255", 80, true),
        ("0.0.0.0/0", "::1", 80, false),
        ("::/0", "::1", 80, true),
        ("::/0", "127.0.0.1", 80, false),
        ("::/0", "::ffff:127.0.0.1", 80, false),
        ("fd00::/8", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 80, true),
        ("fd00::/8", "fe00::", 80, false),
        ("10.1.2.3", "10.1.2.3", 65535, true),
        ("10.1.2.3", "10.1.2.2", 80, false),
        ("10.1.2.3:8080", "10.1.2.3", 8080, true),
        ("10.1.2.3:8080", "10.1.2.3", 8081, false),
        ("fd00::1", "fd00::1", 443, true),
        ("[fd00::1]:443", "fd00::1", 443, true),
        ("[fd00::1]:443", "fd00::1", 80, false),
        ("[fd00::1]:443", "fd00::2", 443, false),
    ])
    func containsItsAddresses(range: String, address: String, port: Int, expected: Bool) throws {
        let range = try #require(AddressRange(parsing: range))
        let address = try #require(IPAddress(parsing: address))
        #expect(range.contains(address, port: UInt16(port)) == expected)
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8", "10/8",
        "10.0.0", "010.0.0.1", "0x7f.0.0.1", "2130706433", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:+80",
        "10.0.0.1:80:80", "[10.0.0.1]:80", "fd00::/129", "fd00::1/8", "[fd00::1]", "[fd00::1:80", "[fd00::1]:",
        "fe80::1%lo",
        "::ffff:10.0.0.1", "::ffff:0:0/96", "localhost", "localhost:80", " 10.0.0.1", "10.0.0.1\0", "10.0.0.0/8 ",
    ])
    func refusesOtherSpellings(text: String) {
        #expect(AddressRange(parsing: text) == nil)
    }
}
