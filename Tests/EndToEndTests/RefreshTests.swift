import Dispatch
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// Refreshing a session: each refresh token is valid once, a lost response is repeated, and reuse ends the session.
@Suite struct RefreshTests {
    let stack: Stack
    let user: TestUser
    /// The response to a separate login.
    let login: HTTPAnswer

    init() throws {
        stack = try Stack.shared.get()
        let (stack, user) = (stack, try stack.makeUser())
        self.user = user
        login = try stack.patiently {
            try stack.post("/login", ["email": .string(user.email), "password": .string(user.password)])
        }
    }

    private func refresh(_ token: String?) throws -> HTTPAnswer {
        try stack.post("/refresh", ["refresh_token": JSON(token)])
    }

    private func token(_ answer: HTTPAnswer) throws -> String { try #require(answer["refresh_token"].stringValue) }

    private func isLive(_ answer: HTTPAnswer) throws -> Bool {
        try stack.get("/me", token: answer["access_token"].stringValue).status == 200
    }

    @Test func returnsNewTokensOfTheSameSession() throws {
        #expect(login["created"] == false)
        var answer = login
        for _ in 0..<3 {
            let next = try refresh(token(answer))
            #expect(next.status == 200, "\(next.text)")
            #expect(next["refresh_token"] != answer["refresh_token"])
            #expect(next["token"] == next["access_token"])
            #expect(next["expires_in"] == 1800)
            #expect(try isLive(next))
            answer = next
        }
        let sessions = try stack.get("/api/sessions", token: answer["token"].stringValue)
        #expect(sessions["items"].arrayValue?.count == 2)
    }

    /// The client's credentials have no effect, like those of a login.
    @Test func acceptsTheFormOfOAuthClients() throws {
        let form = [("Content-Type", "application/x-www-form-urlencoded")]
        var answer = login
        for more in ["", "&scope=read+write", "&client_id=app&client_secret=s%26", "&scope=&client_id="] {
            let body = Array("grant_type=refresh_token&refresh_token=\(try token(answer))\(more)".utf8)
            answer = try stack.client.send("POST", "/refresh", headers: form, body: body)
            #expect(answer.status == 200, "\(more) \(answer.text)")
        }
        let json = try stack.post("/refresh", ["refresh_token": answer["refresh_token"], "client_id": "app"])
        #expect(json.status == 200, "\(json.text)")
        expectProblem(try stack.post("/refresh", ["refresh_token": json["refresh_token"], "token": "x"]), 422)
    }

    @Test func lostResponseIsRepeated() throws {
        let first = try refresh(token(login))
        let repeated = try refresh(token(login))
        #expect(repeated.status == 200)
        #expect(repeated["refresh_token"] == first["refresh_token"])
        #expect(try isLive(first) && isLive(repeated))
        #expect(try refresh(token(first)).status == 200)
    }

    @Test func concurrentRefreshesReturnOneNewToken() throws {
        let old = try token(login)
        let answers = Mutex<[HTTPAnswer]>([])
        DispatchQueue.concurrentPerform(iterations: 20) { _ in
            guard let answer = try? refresh(old) else { return }
            answers.withLock { $0.append(answer) }
        }
        let all = answers.withLock(\.self)
        #expect(all.map(\.status) == Array(repeating: 200, count: 20))
        #expect(Set(all.map { $0["refresh_token"].text }).count == 1)
    }

    @Test func reuseOfAnOldTokenEndsTheSession() throws {
        let first = try refresh(token(login))
        let second = try refresh(token(first))
        // The first token is two behind: this cannot be a retry after a lost response.
        expectChallenge(try refresh(token(login)), "token_invalid")
        #expect(try !isLive(second))
        expectChallenge(try refresh(token(second)), "token_invalid")
        #expect(try stack.get("/me", token: user.token).status == 200, "another session of the user stays valid")
    }

    @Test func lostResponseIsRepeatedForTenSeconds() throws {
        let first = try refresh(token(login))
        try updateSession("refreshed_at = refreshed_at - interval '11 seconds'")
        expectChallenge(try refresh(token(login)), "token_invalid")
        #expect(try !isLive(first))
    }

    @Test(arguments: ["expires_at = now()", "ended_at = now()"])
    func endedSessionIsNotRefreshed(change: String) throws {
        try updateSession(change)
        expectChallenge(try refresh(token(login)), "token_invalid")
    }

    @Test func aDisabledUserGetsNoNewTokens() throws {
        try stack.database.connect().execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        expectChallenge(try refresh(token(login)), "token_invalid")
    }

    @Test func forgedTokensAreRefused() throws {
        let genuine = try token(login)
        let parts = genuine.split(separator: ".").map(String.init)
        let forged = [
            "", "x", genuine + "A", String(genuine.dropLast()), "\(parts[0]).7.\(parts[2])",
            "fmr_017f22e2-79b0-7cc3-98c4-dc0c0c073990.0.\(parts[2])", user.token,
        ]
        for text in forged { expectChallenge(try refresh(text), "token_invalid", text) }
        expectProblem(try refresh(nil), 422)
        #expect(try refresh(genuine).status == 200, "the forged tokens did not end the session")
        expectChallenge(try stack.get("/me", token: genuine), "token_invalid", "a refresh token is not an access token")
    }

    private func updateSession(_ change: String) throws {
        try stack.database.connect().execute("UPDATE sessions SET \(unsafeRaw: change) WHERE user_id = \(user.id)")
    }
}
