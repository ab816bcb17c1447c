import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let schedules: [Endpoint] = [setSchedule, readSchedule, deleteSchedule, listSchedules]

    private static let path = "/api/workflows/{id}/schedule"
    private static let answer = Answer(.ok, "The schedule", Schedule.resource.schema, headers: [.etag])

    private static let setSchedule = Endpoint(
        .put, path, operation: "setSchedule", tag: .schedules, access: .member,
        summary: "Set when a workflow runs by itself",
        description: """
            Creates the schedule of the workflow, or replaces it. Workers start a run at each of its times: of the
            newest version, for the owner of the workflow. A time that the clocks of the zone show twice counts once,
            unless the hour is `*` or `*/n`; one that they pass over counts as much later as they were set forward.
            """,
        parameters: [.workflow], headers: [.ifMatch], body: .json(ScheduleDraft.replacement.schema),
        answers: [answer], problems: [.versionMismatch, .tooManySchedules, .ownerInactive, .quotaExceeded],
        examples: [
            Example(
                "Run the workflow on working days at half past six",
                body: ["cron": "30 6 * * MON-FRI", "timezone": "Europe/Berlin", "input": ["amount": 3]])
        ]
    ) { context in
        let form = ScheduleDraft.replacement
        return try context.connection.transaction { connection in
            let workflow = try context.scheduledWorkflow(locked: true)
            let present = try Schedule.find(ofWorkflow: workflow.id, locked: true, on: connection)
            try context.checkVersion(of: present)
            try form.check(context.input, against: present?.json)
            let draft = try checked(try ScheduleDraft(context.input), for: workflow, on: connection)
            if let present, present.isIdentical(to: draft) { return response(present) }
            if present == nil { try context.checkRoom(forScheduleOf: workflow.userID) }
            let schedule = try Schedule.store(
                draft, of: workflow, replacing: present, counting: context.storage, on: connection)
            try context.audit.record(.scheduleSet(schedule.id))
            return response(schedule)
        }
    }

    private static let readSchedule = Endpoint(
        .get, path, operation: "getSchedule", tag: .schedules, access: .member,
        summary: "Read the schedule of a workflow", parameters: [.workflow], answers: [answer]
    ) { context in
        let workflow = try context.scheduledWorkflow()
        guard let schedule = try Schedule.find(ofWorkflow: workflow.id, on: context.connection) else {
            throw Problem.notFound
        }
        return response(schedule)
    }

    private static let deleteSchedule = Endpoint(
        .delete, path, operation: "deleteSchedule", tag: .schedules, access: .member,
        summary: "Delete the schedule of a workflow", description: "Runs that it has started continue.",
        parameters: [.workflow], headers: [.ifMatch],
        answers: [Answer(.noContent, "The schedule is deleted")], problems: [.versionMismatch]
    ) { context in
        try context.connection.transaction { connection in
            let workflow = try context.scheduledWorkflow(locked: true)
            guard let schedule = try Schedule.find(ofWorkflow: workflow.id, locked: true, on: connection) else {
                throw Problem.notFound
            }
            try context.checkVersion(of: schedule)
            try connection.execute(
                Schedule.removal(ofWorkflow: workflow.id, of: workflow.userID, counting: context.storage))
            try context.audit.record(.scheduleDeleted(schedule.id))
            return .noContent
        }
    }

    private static let listSchedules = page(
        of: PagedList(
            "schedules", of: Schedule.summary,
            filters: [
                .workflowOfSource("workflow_id"), .id("user_id", sql: "s.user_id"),
                .boolean("paused", sql: "s.paused"),
            ]),
        at: "/api/schedules", operation: "listSchedules", tag: .schedules, access: .member,
        summary: "List your schedules", description: "Admins get those of all users. Items do not contain the input.",
        answer: "A page of schedules"
    ) { context in
        let user = try context.user
        guard let workflow = context.query["workflow_id"] else { return Schedule.readable(by: user) }
        // A key that names no workflow selects no schedule.
        let id = try WorkflowKey.resolve(workflow, of: user.id, on: context.connection)
        return "\(Schedule.readable(by: user)) AND s.workflow_id = \(optional: id)"
    }

    /// The draft with the name of its time zone. Throws 422 if that or the input is not valid.
    private static func checked(
        _ draft: ScheduleDraft, for workflow: Workflow, on connection: Connection
    ) throws -> ScheduleDraft {
        var (checked, problems) = (draft, Violations())
        if let zone = try TimeZoneNames.ofServer.name(draft.timezone, on: connection) {
            checked.timezone = zone
        } else {
            problems.append(Violation(pointer: "/timezone", message: "is no name of the tz database"))
        }
        let stored = try StoredFlow.find(workflow.id, of: nil, on: connection)
        problems.append(contentsOf: stored?.problems(ofInput: draft.input, at: "/input") ?? Violations())
        guard problems.isEmpty else { throw Problem.invalid(problems) }
        return checked
    }

    private static func response(_ schedule: Schedule) -> Response {
        .json(schedule.json, headers: ["ETag": schedule.tag.description])
    }
}

extension Context {
    /// The workflow that the path names, if the caller may see it.
    fileprivate func scheduledWorkflow(locked: Bool = false) throws -> Workflow {
        guard let workflow = try Workflow.find(try workflowID(), locked: locked, on: connection),
            workflow.isOpen(to: try user)
        else { throw Problem.notFound }
        return workflow
    }

    /// Throws 409 if the user has the maximum number of schedules, and 403 for a guest, who has none.
    fileprivate func checkRoom(forScheduleOf userID: String) throws {
        guard let role = try Schedule.lockOwner(userID, on: connection) else {
            throw try user.id == userID ? Problem.invalidToken : Problem(.ownerInactive)
        }
        guard role != .guest else { throw Problem.forbidden("The workflow of a guest has no schedule") }
        guard try Schedule.count(of: userID, on: connection) < Schedule.maximumSchedules else {
            throw Problem(.tooManySchedules)
        }
    }

    /// Throws 412 unless `If-Match` names the version of the schedule, if the call has that field.
    fileprivate func checkVersion(of schedule: Schedule?) throws {
        guard let expected = request.headers.list("if-match") else { return }
        guard let schedule, schedule.tag.matches(ifMatch: expected) else { throw Problem(.versionMismatch) }
    }
}
