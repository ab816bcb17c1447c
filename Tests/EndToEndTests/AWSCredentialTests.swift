import HTTP
import JSON
import TestSupport
import Testing

/// Credentials with values in AWS Secrets Manager, with a real worker and a fake of AWS.
@Suite(.timeLimit(.minutes(2))) struct AWSCredentialTests {
    private let fake: FakeSecrets
    private let stack: Stack
    private let caller: RunCaller

    init() throws {
        fake = try FakeSecrets()
        stack = try Stack(settings: [
            "USE_DB_SECRETS": "false", "SECRETS_ENDPOINT_URL": fake.url + "/", "HTTP_ALLOW_ADDRESSES": "127.0.0.1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "WORKER_THREADS": "1",
        ])
        caller = try RunCaller(stack)
    }

    /// While AWS is silent, a step that wants a value occupies no thread: the other run ends, and cancel ends the step.
    @Test func aSilentServiceDelaysOnlyTheStepsThatWantValues() throws {
        let draft: JSON = ["name": "c", "value": "canary-of-a-value", "hosts": ["127.0.0.1"]]
        #expect(try caller.post("/api/credentials", draft).status == 201)
        fake.setSilent(true)
        guard case .object(var task) = JSON.task("a", "http.request", ["url": "https://127.0.0.1/"]) else {
            throw TestFailure("no task")
        }
        task["credential"] = "c"
        let waiting = try caller.start(keeping: .flow([.object(task)]))
        try eventually("the value is asked for") { fake.actions.last == "GetSecretValue" }
        let duration = try ContinuousClock().measure {
            let run = try caller.end(caller.start(keeping: .flow([.task("a", "pass")])))
            #expect(run["status"] == "completed")
        }
        #expect(duration < .seconds(2), "a request to AWS takes 3 s at most")
        let canceled = try ContinuousClock().measure {
            let answer = try caller.act("cancel", waiting)
            #expect(answer.status == 200)
        }
        #expect(canceled < .seconds(2))
        #expect(try caller.run(waiting)["status"] == "canceled")
    }

    @Test func aWorkerRemovesTheValuesOfDeletedCredentials() throws {
        let draft: JSON = ["name": "c", "value": "canary-of-a-value", "hosts": ["127.0.0.1"]]
        let made = try caller.post("/api/credentials", draft)
        #expect(made.status == 201 && fake.names.count == 1, "\(made.text)")
        let path = try #require(made.headers["location"])
        #expect(try stack.send("DELETE", path, token: caller.user.token).status == 204)
        try eventually("the value is removed") { fake.names.isEmpty }
    }
}
