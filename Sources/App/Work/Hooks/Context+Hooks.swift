import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// Runs that calls of hooks start.
extension Context {
    /// The hook that the path names, if the caller may see it.
    func hook(locked: Bool = false) throws -> Hook {
        guard let hook = try Hook.find(try id(), locked: locked, on: connection), hook.isOpen(to: try user) else {
            throw Problem.notFound
        }
        return hook
    }

    /// Throws 401 unless the call is signed as the hook demands, and 503 if a key is missing to know it.
    func checkSignature(of hook: Hook, _ body: [UInt8]) throws {
        guard let scheme = hook.scheme else { return }
        let sealed = try hook.sealedSecrets(on: connection)
        let associated = Hook.associated(hook.id, of: hook.userID)
        var secrets = sealed.compactMap { try? services.sealingKeys?.open($0, associated: associated) }
        defer { for index in secrets.indices { secrets[index].wipe() } }
        guard !secrets.isEmpty else { throw Problem.unavailable() }
        guard scheme.isSigned(body, by: secrets, request.headers, at: now) else {
            throw Problem.unauthorized(.signatureInvalid)
        }
    }

    /// The run of the hook with that input.
    func execution(_ hook: Hook, _ content: HookContent, startedBy starter: Starter) throws -> (Execution, Engine.Plan)
    {
        guard let stored = try StoredFlow.find(hook.workflowID, of: nil, on: connection) else {
            throw Problem.notFound
        }
        let problems = stored.problems(ofInput: content.input, at: "")
        guard problems.isEmpty else { throw Problem.invalid(problems) }
        let execution = Execution(
            id: UUIDv7.make(), userID: stored.userID, source: stored.source, flow: stored.flow,
            passesErrors: stored.passesErrors, input: content.input, starter: starter)
        return (execution, try plan(stored.flow, passesErrors: stored.passesErrors, for: stored.userID))
    }

    /// Starts the run of a call, or finds that of an earlier call with the same delivery id, and records the call. The
    /// claim of the delivery, its record and the queued run are one commit.
    func runOnce(
        _ hook: Hook, _ content: HookContent, _ deliveryID: String?
    ) throws -> (id: String, isRepeated: Bool) {
        if let id = try deliveryID.flatMap({ try HookClaim.run(of: $0, hook, on: connection) }) {
            try HookDelivery.record(
                HookDelivery.repeated, of: hook, deliveryID, run: id, isTest: false, on: connection)
            return (id, true)
        }
        let trigger = Trigger.hook(hook.id, delivery: deliveryID)
        let (execution, plan) = try execution(
            hook, content, startedBy: Starter(userID: nil, keyID: nil, trace: request.trace?.text, trigger: trigger))
        do {
            let isFirst = try connection.transaction { connection in
                if let deliveryID {
                    guard try HookClaim.claim(deliveryID, of: hook, for: execution.id, on: connection) else {
                        return false
                    }
                }
                try enqueue(execution, plan)
                try connection.executeLater(
                    HookDelivery.recording(HookDelivery.started, of: hook, deliveryID, run: execution.id))
                return true
            }
            return isFirst ? (execution.id, false) : try runOnce(hook, content, deliveryID)
        } catch let error as PostgresError where error.kind == .commitUnknown {
            let owner = Visibility.user(hook.userID)
            guard try ShownExecution.findWithoutOutputs(execution.id, in: owner, on: connection) != nil else {
                throw error
            }
            return (execution.id, false)
        }
    }

    /// The reply to a call of the hook: at once, or at the end of the run if the call waits for it.
    func reply(to hook: Hook, run id: String, isRepeated: Bool) throws -> Reply {
        let answer = hook.runAnswer
        var fallback = Hook.accepted(id, .queued)
        if isRepeated {
            let owner = Visibility.user(hook.userID)
            guard let run = try ShownExecution.findWithoutOutputs(id, in: owner, on: connection) else {
                throw Problem(.executionDeleted)
            }
            fallback = Hook.accepted(id, run.status)
            if run.status.isEnd, hook.answer == .status { return .response(fallback) }
            if run.status.isEnd, let run = try ShownExecution.find(id, in: owner, on: connection) {
                return .response(answer(run))
            }
        }
        return try reply(
            whenEnded: id, of: hook.userID, defaultSeconds: hook.answer == .result ? Hook.defaultWait : 0,
            fallback: fallback, answer: answer)
    }
}

extension Hook {
    /// The answer for a run, which may still be active.
    fileprivate var runAnswer: Context.RunAnswer {
        { [answer] run in
            let execution = run.execution
            guard answer == .result, execution.status.isEnd else {
                return Hook.accepted(execution.id, execution.status)
            }
            return .json(
                .object { object in
                    object.member("id", execution.id)
                    object.member("status", execution.status.rawValue)
                    object.member("result", execution.result)
                    object.member("error", (execution.failure ?? execution.steps.last?.failure)?.json ?? .null)
                })
        }
    }

    /// 202 for an active run, 200 for one that has ended. Without an address: the sender may not read the run.
    fileprivate static func accepted(_ id: String, _ status: ExecutionStatus) -> Response {
        .json(
            ["id": .string(id), "status": .string(status.rawValue)], status: status.isEnd ? .ok : .accepted)
    }
}
