import HTTP
import Testing

@Suite struct CookieTests {
    private func values(_ fields: String...) -> [String]? {
        var headers = Headers()
        for field in fields { headers.append(name: "cookie", value: field) }
        return Request(method: "GET", target: "/", headers: headers).cookies(named: "a")
    }

    @Test(arguments: [
        ("a=1", ["1"]), ("b=2; a=1; c=3", ["1"]), ("b=2;a=1", ["1"]), ("a=1=2", ["1=2"]), ("a=", [""]),
        ("a=\"1\"", ["\"1\""]),
        ("a=1; a=2", ["1", "2"]), ("a=1; A=2", ["1"]), ("a=é", ["é"]),
        ("", []), ("a", []), ("aa=1", []), ("ba=1", []), ("=a=1", []), (";;; ;", []), ("b=a=1", []),
        ("b=\"; a=1", ["1"]),
    ])
    func readsTheValuesOfACookie(field: String, expected: [String]) { #expect(values(field) == expected) }

    @Test func readsOneFieldOfBoundedLength() {
        #expect(values() == [])
        #expect(values("a=1", "b=2") == nil)
        let others = (1..<200).map { "b\($0)=1; " }.joined()
        #expect(values(others + "a=1") == ["1"])
        #expect(values(others + "b=1; a=1") == nil)
    }

    @Test func writesItsAttributes() {
        let cookie = Cookie("a", "1", path: "/x", maxAge: 60, sameSite: .strict, isSecure: true)
        #expect(cookie.field == "a=1; Path=/x; Max-Age=60; HttpOnly; SameSite=Strict; Secure")
        let expired = Cookie("a", "", path: "/", maxAge: 0, sameSite: .lax, isSecure: false)
        #expect(expired.field == "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
    }
}
