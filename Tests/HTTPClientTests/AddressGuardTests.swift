import HTTPClient
import Testing

@Suite struct AddressGuardTests {
    /// The first and the last address of each special range, and its neighbours.
    @Test(arguments: [
        (nil, "0.0.0.0", "0.255.255.255", "1.0.0.0"),
        ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
        ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
        ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
        ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
        ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
        ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
        ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
        ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
        ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
        ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
        ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
        ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
        ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
        ("223.255.255.255", "224.0.0.0", "239.255.255.255", nil),
        (nil, "240.0.0.0", "255.255.255.255", nil),
        (nil, "::", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", nil),
        ("64:ff9b::dfff:ffff", "64:ff9b::e000:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
        ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
        (
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::"
        ),
        ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
        ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
        ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", nil),
    ])
    func refusesSpecialRangesOnly(before: String?, first: String, last: String, after: String?) throws {
        #expect(try !permits(first))
        #expect(try !permits(last))
        for neighbour in [before, after].compactMap(\.self) { #expect(try permits(neighbour), "\(neighbour)") }
    }

    /// One well-known address of each kind, most of them in the ranges above.
    @Test(arguments: [
        "127.0.0.1", "169.254.169.254", "100.100.100.200", "192.0.0.192", "255.255.255.255", "::", "::1", "::7f00:1",
        "100::1", "fc00::", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "5f00::1", "2001:0:4136:e378::1",
        "2001:10::1", "2002:7f00:1::", "64:ff9b:1::1",
    ])
    func refusesSpecialAddresses(address: String) throws {
        #expect(try !permits(address))
    }

    /// An address that embeds an IPv4 address is checked as the embedded address.
    @Test(arguments: ["::ffff:", "64:ff9b::"])
    func checksEmbeddedAddresses(prefix: String) throws {
        for host in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"] {
            #expect(try !permits(prefix + host), "\(host)")
        }
        for host in ["1.1.1.1", "172.32.0.0"] { #expect(try permits(prefix + host), "\(host)") }
    }

    @Test func permitsAllowedRanges() throws {
        let some = AddressGuard(allowing: ["10.0.0.0/8", "127.0.0.1:8080"].compactMap(AddressRange.init(parsing:)))
        for (address, port, expected) in [
            ("10.1.2.3", 80, true), ("::ffff:10.1.2.3", 80, true), ("127.0.0.1", 8080, true), ("127.0.0.1", 80, false),
            ("127.0.0.2", 8080, false), ("192.168.0.1", 80, false), ("64:ff9b::10.1.2.3", 80, false),
            ("1.1.1.1", 80, true),
        ] {
            let address = try #require(IPAddress(parsing: address))
            #expect(some.permits(address, port: UInt16(port)) == expected, "\(address):\(port)")
        }
    }

    private func permits(_ text: String) throws -> Bool {
        AddressGuard(allowing: []).permits(try #require(IPAddress(parsing: text)), port: 80)
    }
}
