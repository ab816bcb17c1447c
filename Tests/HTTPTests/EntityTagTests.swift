import HTTP
import Testing

@Suite struct EntityTagTests {
    @Test(arguments: ["\"7\"", "*", "\"1\", \"7\"", "\"7\",\"8\"", "\"1\" ,  \"7\"  ", "W/\"1\", \"7\""])
    func matches(fieldValue: String) {
        #expect(EntityTag(version: 7).matches(fieldValue))
    }

    /// Comparison is strong: a weak tag matches nothing (RFC 9110, section 8.8.3.2).
    @Test(arguments: ["", "7", "\"77\"", "\"\"", "W/\"7\"", "\"1\", \"8\"", "\"7", "**", ", ,"])
    func doesNotMatch(fieldValue: String) {
        #expect(!EntityTag(version: 7).matches(fieldValue))
    }

    @Test func isQuoted() {
        #expect("\(EntityTag(version: 12))" == "\"12\"")
    }
}
