import HTTP
import Testing

@Suite struct HeadersTests {
    @Test(arguments: ["content-type", "Content-Type", "CONTENT-TYPE"])
    func namesAreCaseInsensitive(name: String) {
        let headers: Headers = ["Content-Type": "text/plain"]
        #expect(headers[name] == "text/plain")
        #expect(headers.count(of: name) == 1)
    }

    @Test func onlyLettersAreComparedWithoutCase() {
        let headers: Headers = ["X-A": "1", "X@": "2"]
        #expect(headers["X\rA"] == nil)
        #expect(headers["X`"] == nil)
        #expect(headers["X-"] == nil)
    }

    @Test func returnsTheFirstValue() {
        var headers: Headers = ["A": "1"]
        headers.append(name: "a", value: "2")
        #expect(headers["a"] == "1")
        #expect(headers.count(of: "A") == 2)
    }

    @Test func fieldsOfOneNameAreOneList() {
        var headers: Headers = ["A": "1, 2", "B": "3"]
        headers.append(name: "a", value: "4")
        #expect(headers.list("A") == "1, 2, 4")
        #expect(headers.list("b") == "3")
        #expect(headers.list("c") == nil)
    }

    @Test func settingReplacesEveryFieldOfTheName() {
        var headers: Headers = ["A": "1", "B": "2", "a": "3"]
        headers["a"] = "4"
        #expect(headers.fields.map { "\($0.name)=\($0.value)" } == ["B=2", "a=4"])
        headers["A"] = nil
        #expect(headers.count(of: "a") == 0)
    }
}
