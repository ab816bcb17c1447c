import HTTP
import Testing

@Suite struct EntityTagTests {
    private let tag = EntityTag(version: 7)

    @Test(arguments: [
        "\"7\"", "*", "\"1\", \"7\"", "\"7\",\"8\"", "\"1\" ,  \"7\"  ", "\"1\",\t\"7\"\t", "W/\"1\", \"7\"",
    ])
    func equalTagsMatch(fieldValue: String) {
        #expect(tag.matches(ifMatch: fieldValue))
        #expect(tag.matches(ifNoneMatch: fieldValue))
    }

    @Test(arguments: ["", "7", "\"77\"", "\"\"", "W/\"1\"", "\"1\", \"8\"", "\"7", "**", ", ,", "w/\"7\"", "W/7"])
    func otherTagsDoNotMatch(fieldValue: String) {
        #expect(!tag.matches(ifMatch: fieldValue))
        #expect(!tag.matches(ifNoneMatch: fieldValue))
    }

    /// The strong comparison and the weak one (RFC 9110, section 8.8.3.2).
    @Test(arguments: ["W/\"7\"", "\"1\", W/\"7\"", "W/\"1\" , W/\"7\" "])
    func aWeakTagMatchesOnlyInWeakComparison(fieldValue: String) {
        #expect(!tag.matches(ifMatch: fieldValue))
        #expect(tag.matches(ifNoneMatch: fieldValue))
    }

    @Test func isQuoted() {
        #expect("\(EntityTag(version: 12))" == "\"12\"")
    }
}
