import Testing

@testable import App

@Suite struct NetworkTests {
    @Test(
        arguments: [
            ("203.0.113.7", "203.0.113.7", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7"),
            ("2001:DB8:a:b:1:2:3:4", "2001:db8:a:b", "2001:db8:a:b::/64"),
            ("2001:db8::1", "2001:db8:0:0", "2001:db8:0:0::/64"), ("fe80::", "fe80:0:0:0", "fe80:0:0:0::/64"),
        ])
    func addressesOfOneNetworkAreGrouped(address: String, text: String, prefix: String) {
        let network = Network(of: address)
        #expect(network.text == text)
        #expect(network.prefix == prefix)
        #expect(!network.isShared)
    }

    @Test(arguments: ["", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    func loopbackAddressesAreShared(address: String) {
        #expect(Network(of: address).isShared)
    }
}
