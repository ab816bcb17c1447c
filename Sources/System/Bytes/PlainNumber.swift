extension FixedWidthInteger {
    /// The number that the text writes as this program writes it: in decimal digits, without a plus sign, leading zeros
    /// and spaces; nil for any other text. The standard library accepts a plus sign and leading zeros as well.
    package init?(plain text: some StringProtocol) {
        guard let number = Self(text), text.utf8.elementsEqual(String(number).utf8) else { return nil }
        self = number
    }
}
