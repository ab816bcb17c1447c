import HTTP
import Testing

@Suite struct PreferencesTests {
    private func parsed(_ fields: [String]) -> Preferences {
        var headers: Headers = ["Host": "localhost"]
        for field in fields { headers.append(name: "prefer", value: field) }
        return Preferences(headers)
    }

    @Test(
        arguments: [
            ([], nil), ([""], nil), (["wait=7"], 7), (["WAIT=7"], 7), (["wait = 7"], 7), (["wait\t=\t7"], 7),
            ([#"wait="7""#], 7), (["wait=0"], 0), (["wait=007"], 7), ([" , ,wait=7,"], 7), (["wait=7;x=1; y"], 7),
            (["wait=7 ; x=\"a, wait=8\""], 7), (["wait=7;"], 7), (["handling=lenient, wait=7"], 7),
            (["handling=lenient", "wait=7"], 7), ([#"foo="a, wait=5", wait=7"#], 7),
            ([#"foo="\", wait=5", wait=7"#], 7),
            (["wait=7, wait=8"], 7), (["wait=7", "wait=8"], 7), (["wait=99999999999999999999"], .max),
            (["wait=9223372036854775807"], .max), (["wait =, wait=7"], 7), (["@, wait=7"], 7),
            (["\u{1F600}=1, wait=7"], 7),
        ] as [([String], Int?)])
    func haveTheSecondsToWait(fields: [String], seconds: Int?) {
        #expect(parsed(fields).wait == seconds)
    }

    /// A preference that is not valid has no effect; of two with the same name the first counts.
    @Test(arguments: [
        "wait", "wait=", "wait=\"\"", "wait=-1", "wait=+1", "wait=1.5", "wait=1e3", "wait=x", "wait=x, wait=5",
        "wait=7 8",
        "wait=7 foo", "wait=7; =8", "wait=7=8", "wait=\"7", "wait:7", "waits=7", "foo;wait=7", "foo=\"wait=7\"",
        "wait=٧",
        "wait=7;x=\"", "foo=\", wait=7",
    ])
    func ignoreInvalidSeconds(field: String) {
        #expect(parsed([field]).wait == nil)
    }

    @Test(arguments: [
        ("respond-async", true), ("Respond-Async", true), ("wait=5, respond-async", true), ("respond-async;x=1", true),
        ("respond-async=\"\"", true), ("respond-async=1", false), ("respond", false), ("foo=respond-async", false),
        ("respond-async x", false), ("return=minimal; respond-async", false),
    ])
    func haveRespondAsync(field: String, isAsync: Bool) {
        #expect(parsed([field]).respondsAsync == isAsync)
        #expect(parsed(["return=minimal", field]).respondsAsync == isAsync)
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["\"", "a,", "\"\\\"", "wait=\"", ";", "a=\"\",", "@"])
    func longFieldsAreReadInLinearTime(part: String) {
        #expect(parsed([String(repeating: part, count: 1_000_000 / part.utf8.count)]).respondsAsync == false)
    }
}
