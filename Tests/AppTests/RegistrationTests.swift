import HTTP
import JSON
import TestSupport
import Testing

@testable import App

@Suite struct RegistrationTests {
    /// The pointers of the violations.
    private func problems(_ input: JSON) -> [String] {
        let problem = #expect(throws: Problem.self) { _ = try Registration(input) }
        #expect(problem?.status == .unprocessable)
        return problem?.violations.map(\.pointer) ?? []
    }

    @Test func acceptsAnEmail() throws {
        let registration = try Registration([
            "email": "ann@b.example", "password": "long enough", "name": "Ann", "age": 5,
        ])
        #expect(registration.email == "ann@b.example")
        #expect(registration.username == nil)
        #expect(registration.password == "long enough")
        #expect(registration.name == "Ann")
        #expect(registration.age == 5)
    }

    @Test func acceptsAUsername() throws {
        let registration = try Registration(["username": "ann", "password": "long enough"])
        #expect(registration.email == nil)
        #expect(registration.username == "ann")
        #expect(registration.name == nil)
        #expect(registration.age == nil)
    }

    @Test func acceptsEmailAndUsername() throws {
        let registration = try Registration(["username": "ann", "email": "ann@b.example", "password": "long enough"])
        #expect(registration.email == "ann@b.example")
        #expect(registration.username == "ann")
    }

    @Test func aUsernameInTheFormOfAnEmailIsAnEmail() throws {
        let registration = try Registration(["username": "ann@b.example", "password": "long enough"])
        #expect(registration.email == "ann@b.example")
        #expect(registration.username == nil)
    }

    @Test(
        arguments: [
            (["password": "long enough"], ["/email"]), (["password": "short"], ["/email", "/password"]),
            (["username": "@", "password": "long enough"], ["/username"]),
            (["username": "ann@", "password": "x"], ["/username", "/password"]),
            (["username": "ann@b.example", "email": "ann@c.example", "password": "long enough"], ["/username"]),
            (["username": "ann smith", "password": "long enough"], ["/username"]),
            (["username": "ann\n", "password": "long enough"], ["/username"]),
            (["username": "ann\u{A0}", "password": "long enough"], ["/username"]),
            (["username": "ann\u{7}", "password": "long enough"], ["/username"]),
            (["username": "ann\u{7F}", "password": "long enough"], ["/username"]),
            (["username": "ann\u{9B}", "password": "long enough"], ["/username"]),
            (["email": "ann@b.example", "password": "ANN@b.example"], ["/password"]),
            (["username": "long enough-name", "password": "Long Enough-Name"], ["/username", "/password"]),
        ] as [(JSON, [String])])
    func reportsEveryViolation(input: JSON, pointers: [String]) {
        #expect(problems(input) == pointers)
    }

    /// The rules are reported together with the violations of the schema.
    @Test func callsReportEverythingAtOnce() throws {
        let application = try TestApplication()
        let cases: [(path: String, body: JSON, pointers: [String])] = [
            ("/register", ["email": 1, "password": "x", "name": 2], ["/email", "/name", "/password"]),
            ("/register", ["nickname": "x", "password": "short"], ["/nickname", "/email", "/password"]),
            ("/register", [:], ["/password", "/email"]), ("/register", [], [""]),
            (
                "/register", ["username": "a b", "name": 1, "password": "password"],
                ["/name", "/username", "/password"]
            ),
            ("/create_user", ["email": "a", "password": "x", "age": -1], ["/email", "/age", "/password"]),
            ("/login", [:], ["/password", "/email"]), ("/login", ["password": 1], ["/password", "/email"]),
            ("/login", ["username": 1], ["/username", "/password"]), ("/login", [], [""]),
        ]
        for (path, body, expected) in cases {
            let answer = try application.post(path, body)
            #expect(answer.status == 422, "\(path) \(body.text)")
            #expect(pointers(answer) == expected, "\(path) \(body.text): \(answer.text)")
        }
        let user = try application.makeUser()
        let change = try application.send("PATCH", "/me", ["password": "short"], token: user.token)
        #expect(change.status == 422 && pointers(change) == ["/password", "/current_password"], "\(change.text)")
    }

    @Test(arguments: [
        ("1234567", false), ("1234567x", true), (String(repeating: "x", count: 1_024), true),
        (String(repeating: "x", count: 1_025), false), ("", false), ("😀😀", true), ("ééé", false), ("ééé€", true),
        (String(repeating: "x", count: 64), true), (" 　      ", true),
    ])
    func aPasswordHas8To1024Bytes(password: String, isAccepted: Bool) {
        #expect(PasswordPolicy.violations(of: password, at: "/p", names: []).isEmpty == isAccepted)
    }

    /// The first and the last of the list, the most common one, and similar passwords that are not listed.
    @Test(arguments: [
        ("password", true), ("PassWord", true), ("12345678", true), ("!qaz2wsx", true), ("zz8807zpl", true),
        ("!qaz2ws", false), ("!qaz2wsxx", false), ("password\n", false), ("zz8807zpl0", false), ("", false),
        ("\n", false), ("~~~~~~~~", false), ("        ", false), ("ééééé", false), ("long enough", false),
    ])
    func recognizesCommonPasswords(password: String, isCommon: Bool) {
        #expect(CommonPasswords.contains(password) == isCommon)
    }

    /// Every line is found, which requires that the lines are sorted.
    @Test func findsEveryListedPassword() {
        let lines = PackageResources.common_passwords_txt.split(separator: UInt8(ascii: "\n"))
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(lines.count == 3_000)
        #expect(lines.allSatisfy { $0.utf8.count >= 8 && CommonPasswords.contains($0.uppercased()) })
    }

    @Test func aPasswordMustNotEqualANameInAnyCase() {
        #expect(PasswordPolicy.violations(of: "ANNSMITH", at: "/p", names: [nil, "annSmith"]).map(\.pointer) == ["/p"])
        #expect(PasswordPolicy.violations(of: "annsmith1", at: "/p", names: [nil, "annsmith"]).isEmpty)
    }

    @Test func anAccountMatchesItsSchema() {
        let account = Account(
            id: "00000000-0000-7000-8000-000000000001", email: nil, username: "ann", name: nil, age: nil, role: .client,
            createdAt: "2026-01-01T00:00:00.000Z")
        #expect(Account.schema.violations(in: account.json) == [])
    }
}
