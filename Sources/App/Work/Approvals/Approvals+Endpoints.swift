import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let approvals: [Endpoint] = [listApprovals, signal]

    private static let listApprovals = page(
        of: PagedList("approvals", of: ApprovalRequest.resource, id: "a.execution_id") { _, userID in
            [
                PagedList.Partition(
                    column: "a.approver_id", values: "\([userID, Approvers.anyAdmin])::uuid[]")
            ]
        },
        at: "/api/approvals", operation: "listApprovals", tag: .executions, access: .user,
        summary: "List the approvals that you may decide",
        description: """
            Steps that wait for a decision, of your runs and of those of users who have named you as an approver, or
            who have named the admins if you are one. Decide with `POST /api/executions/{execution_id}/signal`.
            """,
        answer: "A page of approvals"
    ) { context in
        ApprovalRequest.toBeDecided(by: try context.user)
    }

    private static let signal = Endpoint(
        .post, "/api/executions/{id}/signal", operation: "signalExecution", tag: .executions, access: .user,
        scope: .run, summary: "Decide the approval that a run waits for",
        description: """
            An approved task succeeds with `data` in its output; a refused one fails, with the decision in the `details`
            of its error. Those decide whom the task names as `approvers`, by default the owner of the run; admins also
            if no other approver is active. The answer shows the run to its owner and to admins only.
            """,
        body: .json(
            JSONSchema.object(
                required: [
                    "step": JSONSchema.integer(1...Int64(Int32.max)).described("The `number` of the step that waits"),
                    "approved": JSONSchema.boolean.described("`false` refuses: the task fails"),
                ],
                optional: ["data": JSONSchema.any.described("Part of the task's output, or of its error")]
            ).named("Signal")),
        idempotency: .byHandler, rateClass: .write, waits: true, answers: ExecutionAnswer.continued,
        problems: [.executionNotWaiting, .quotaExceeded],
        examples: [
            Example(
                "Approve", path: ["id": "{{approval_execution_id}}"],
                body: ["step": 1, "approved": true, "data": ["comment": "Looks good"]])
        ]
    ) { context in
        try context.launchingOnce(answer: \.answer) {
            let (id, user) = (try context.id(), try context.user)
            guard let request = try ApprovalRequest.find(of: id, for: user, on: context.connection) else {
                throw Problem.notFound
            }
            let mayReadRun = user.id == request.ownerID || user.isAdmin
            if mayReadRun {
                _ = try context.changeableExecution()
                guard request.mayDecide else { throw Problem.forbidden("Only an approver may do this") }
            } else if !request.mayDecide {
                throw Problem.notFound
            }
            let (step, isApproved) = (context.input["step"]?.integerValue, context.input["approved"] ?? false)
            let decision: JSON = [
                "approved": isApproved, "data": context.input["data"] ?? .null, "by": .string(user.id),
                "at": .string(request.time),
            ]
            func decide() throws {
                guard let step, step == Int64(request.step),
                    try context.services.engine.signal(id, step: request.step, with: decision, on: context.connection)
                else { throw Problem(.executionNotWaiting) }
            }
            let accepted = Execution.accepted(id, .queued)
            guard mayReadRun else {
                // The answer to a repeated call cannot come from the record of the run, so it is stored.
                let reply = {
                    try decide()
                    return Reply.response(accepted)
                }
                return try context.idempotencyKey?.answeringOnce(over: context.connection, reply) ?? reply()
            }
            try context.claimingKey(for: id) {
                try context.operating(onRunOf: request.ownerID, isStarting: false) { _ in
                    try decide()
                    return ((), .approvalDecided(id, of: request.ownerID, isApproved: isApproved == true))
                }
            }
            return try context.reply(
                whenEnded: id, defaultSeconds: 0, fallback: accepted, answer: \.answer)
        }
    }
}
