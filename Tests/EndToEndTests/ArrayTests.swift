import HTTP
import JSON
import TestSupport
import Testing

/// `POST /generate_array`: random numbers, ten calls a minute.
@Suite struct ArrayTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func generate(_ body: JSON, token: String? = nil) throws -> HTTPAnswer {
        try stack.post("/generate_array", body, token: token ?? user.token)
    }

    @Test func returnsFiveHundredNumbersBelowOne() throws {
        let answer = try generate(["sentence": "Anything at all"])
        #expect(answer.status == 200)
        let numbers = try #require(answer.json.arrayValue).compactMap(\.doubleValue)
        #expect(numbers.count == 500)
        #expect(numbers.allSatisfy { (0..<1).contains($0) })
        #expect(Set(numbers).count > 490)
        #expect(try generate(["sentence": "Anything at all"]).json != answer.json)
    }

    @Test func requiresASentence() throws {
        for body: JSON in [["sentence": ""], [:], ["sentence": .null], ["sentence": 1]] {
            let answer = try generate(body)
            expectProblem(answer, 422, "validation_failed", body.text)
            #expect(pointers(answer) == ["/sentence"])
        }
        let answer = try stack.post("/generate_array", ["sentence": "a"])
        expectChallenge(answer, "token_missing")
        #expect(answer["message"] == "Token is missing")
    }

    @Test func allowsTenCallsAMinute() throws {
        for _ in 0..<10 { #expect(try generate(["sentence": "a"]).status == 200) }
        for _ in 0..<3 {
            let answer = try generate(["sentence": "a"])
            expectProblem(answer, 429, "rate_limited")
            let wait = try #require(Int(answer.headers["retry-after"] ?? ""))
            #expect((1...60).contains(wait))
            #expect(answer.headers["ratelimit-policy"] == "\"array\";q=10;w=60")
            #expect(answer.headers["ratelimit"] == "\"array\";r=0;t=\(wait)")
        }
        // The limit is per user, and for this endpoint only.
        #expect(try generate(["sentence": "a"], token: try stack.makeUser().token).status == 200)
        #expect(try stack.get("/me", token: user.token).status == 200)
    }

    /// The limit does not depend on an address in a client's headers.
    @Test func spoofedAddressesDoNotRaiseTheLimit() throws {
        let answers = try (0..<12).map { number in
            try stack.post(
                "/generate_array", ["sentence": "a"], token: user.token,
                headers: [("X-Forwarded-For", "192.0.2.\(number)"), ("X-Real-IP", "192.0.2.\(number)")])
        }
        #expect(answers.map(\.status) == Array(repeating: 200, count: 10) + [429, 429])
    }
}
