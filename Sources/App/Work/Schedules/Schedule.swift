import HTTP
import JSON
import Postgres

/// When a workflow is run without a call: at the times of a cron expression. A workflow has at most one. It belongs to
/// the owner of the workflow, as its runs do.
struct Schedule {
    /// Whether an instant starts a run while the run that was started last is active.
    enum Overlap: String, CaseIterable {
        case allow, skip
    }

    /// Why an instant was skipped.
    enum SkipReason: String, CaseIterable {
        /// It was due when no worker ran, and the misfire policy does not make up for it.
        case misfire
        /// The run that was started before was still active.
        case overlap
    }

    let id: String
    let userID: String
    /// Counts the changes by calls.
    let version: Int64
    /// What its row counts in the storage of the user.
    let storedBytes: Int64
    let json: JSON

    /// The maximum number of schedules of one user.
    static let maximumSchedules = 100
    /// How many instants are shown.
    static let shownTimes = 5

    static let cron = JSONSchema.string(minLength: 1, maxLength: 256).described(
        "Minute, hour, day of the month, month and day of the week, as in crontab(5): `*/15 8-17 * * MON-FRI`; or "
            + "`@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`")
    static let timezone = JSONSchema.string(minLength: 1, maxLength: 64).described(
        "The time zone of `cron`: a name of the tz database, such as `Europe/Berlin`. Default: UTC")
    static let misfire = JSONSchema.string(enum: Misfire.allCases.map(\.rawValue)).named("MisfirePolicy").described(
        "What happens to instants at which no worker could start a run. `skip`: they are left out. `once`: the newest "
            + "one is made up for. `all`: each is made up for, the oldest first, at most the newest "
            + "\(Misfire.maximumInstants). Default: once")
    static let misfireWindow = JSONSchema.integer(60...604_800).described(
        "For how many seconds an instant can be made up for. Default: 3600")
    static let overlap = JSONSchema.string(enum: Overlap.allCases.map(\.rawValue)).named("OverlapPolicy").described(
        "Whether a run is started while the schedule's last one is active: `allow`, or `skip`, which leaves the "
            + "instant out. Default: skip")
    static let paused = JSONSchema.boolean.described(
        "While it is paused it starts no run. What is missed meanwhile is not made up for. Default: false")
    static let input = JSONSchema.any.described(
        "The input of each run. It must fit the workflow's `input_schema`. Default: `{}`")

    private static let times = JSONSchema.array(of: .string(format: .dateTime), count: 0...shownTimes).described(
        "The next instants at which it starts a run; none while it is paused or has no time zone any more")
    private static let last = JSONSchema.object(
        required: [
            "at": JSONSchema.string(format: .dateTime).described("The instant"),
            "outcome": JSONSchema.string(enum: ScheduleOutcome.allCases.map(\.rawValue)).named("ScheduleOutcome"),
            "execution_id": JSONSchema.string(format: .uuid).nullable.described("The run, if one was started"),
            "code": JSONSchema.string(maxLength: 64).nullable.described(
                "Why it was skipped (`misfire`, `overlap`) or failed: the code of the problem"),
        ]
    ).named("ScheduledInstant").nullable.described("What has become of the last instant; null before the first one")
    private static let problem = JSONSchema.object(
        required: ["code": .string(maxLength: 64), "message": .string(maxLength: ScheduleProblem.maximumLength)]
    ).named("ScheduleProblem").nullable.described(
        "Why the last instant that was not skipped started no run; null if it did. The next instants are attempted")

    /// The members of a schedule in a list. The input is left out, because it may be large.
    static let summary = Resource(
        "ScheduleSummary", .id("id", sql: "s.id"), .id("workflow_id", sql: "s.workflow_id"),
        .id("user_id", sql: "s.user_id").described("The owner of the workflow"),
        .text("cron", cron, sql: "s.cron"), .text("timezone", timezone, sql: "s.timezone"),
        .text("misfire", misfire, sql: "s.misfire"),
        .integer("misfire_window", misfireWindow, sql: "s.misfire_window"), .text("overlap", overlap, sql: "s.overlap"),
        .boolean("paused", paused, sql: "s.paused"),
        .json(
            "next_times", times,
            sql: "(SELECT coalesce(json_agg(rfc3339(t) ORDER BY t), '[]') FROM unnest(s.next_times) t)"),
        .json("last", last, sql: "s.last"), .json("problem", problem, sql: "s.problem"),
        .time("created_at", sql: "s.created_at"), .time("updated_at", sql: "s.updated_at"))

    static let resource = Resource("Schedule", extending: summary, .json("input", input, sql: "s.input"))

    var tag: EntityTag { EntityTag(version: version) }

    /// Whether saving the draft would change nothing. Inputs must be the same bytes.
    func isIdentical(to draft: ScheduleDraft) -> Bool {
        hasTimes(of: draft)
            && draft.json.objectValue?.members.allSatisfy { member in
                json[member.name]?.serialized() == member.value.serialized()
            } == true
    }

    /// Whether the draft fires at the same times.
    func hasTimes(of draft: ScheduleDraft) -> Bool {
        json["cron"]?.stringValue == draft.cron && json["timezone"]?.stringValue == draft.timezone
            && json["paused"]?.boolValue == draft.isPaused
    }
}

/// Why an instant started no run.
struct ScheduleProblem: Error, Equatable {
    static let maximumLength = 1_000

    let code: String
    let message: String
    /// For the operator; users do not see it.
    let detail: String?

    init(_ code: ProblemCode, _ message: String? = nil, detail: String? = nil) {
        self.code = code.rawValue
        let whole = message ?? code.message
        self.message = whole.unicodeScalars.prefix(Self.maximumLength).reduce(into: "") { $0.unicodeScalars.append($1) }
        self.detail = detail
    }

    /// What is wrong with the input or the flow.
    init(_ violations: Violations) {
        let first = violations.first.map { "\($0.pointer): \($0.message)" }
        self.init(.validationFailed, first)
    }

    // An update of the database or of the program may be the reason.
    static let unknownTimeZone = ScheduleProblem(
        .validationFailed, "The time zone is not known any more. Replace the schedule")
    static let unknownExpression = ScheduleProblem(
        .validationFailed, "The cron expression is not valid any more. Replace the schedule")

    var json: JSON { ["code": .string(code), "message": .string(message)] }
}
