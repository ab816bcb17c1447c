import Cron
import HTTP
import JSON

/// A schedule as a caller sends it. Its time zone and its input are still to be checked.
struct ScheduleDraft {
    let cron: String
    let expression: CronExpression
    /// In the spelling of the tz database, once it is checked.
    var timezone: String
    let misfire: Misfire
    let misfireWindow: Int64
    let overlap: Schedule.Overlap
    let isPaused: Bool
    let input: JSON

    /// A schedule that is new or replaces the present one.
    static let replacement = ResourceChange(
        JSONSchema.object(
            required: ["cron": Schedule.cron],
            optional: [
                "timezone": Schedule.timezone, "misfire": Schedule.misfire, "misfire_window": Schedule.misfireWindow,
                "overlap": Schedule.overlap, "paused": Schedule.paused, "input": Schedule.input,
            ]
        ).named("ScheduleReplacement"),
        of: Schedule.resource.schema, figures: ["next_times", "last", "problem", "updated_at"])

    /// The body satisfies its schema. Throws 422 if its expression has a mistake.
    init(_ body: JSON) throws {
        cron = body["cron"]?.stringValue ?? ""
        do {
            expression = try CronExpression(cron)
        } catch {
            throw Problem.invalid("/cron", error.description)
        }
        timezone = body["timezone"]?.stringValue ?? "UTC"
        misfire = body["misfire"]?.stringValue.flatMap(Misfire.init) ?? .once
        misfireWindow = body["misfire_window"]?.integerValue ?? 3_600
        overlap = body["overlap"]?.stringValue.flatMap(Schedule.Overlap.init) ?? .skip
        isPaused = body["paused"]?.boolValue ?? false
        input = body["input"] ?? .object(JSONObject())
    }

    /// The members that a caller sets.
    var json: JSON {
        [
            "cron": .string(cron), "timezone": .string(timezone), "misfire": .string(misfire.rawValue),
            "misfire_window": .integer(misfireWindow), "overlap": .string(overlap.rawValue),
            "paused": .bool(isPaused), "input": input,
        ]
    }
}
