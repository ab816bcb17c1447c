import JSON
import Testing

@Suite struct UUIDTests {
    @Test func acceptsUUIDsOfAnyVersion() {
        #expect("00000000-0000-0000-0000-000000000000".isUUID)
        #expect("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6".isUUID)
    }

    @Test(arguments: [
        "", "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
        "017f22e27-9b0-7cc3-98c4-dc0c0c07398f", " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739é",
    ])
    func refusesOtherTexts(text: String) {
        #expect(!text.isUUID)
    }
}
