package import JSON
import Postgres

/// A run that a step has started and that has not completed.
package struct FailedRun: Sendable {
    /// The position of its item.
    package let item: Int
    let executionID: String
    private let status: String
    private let error: TaskFailure?

    /// How many of them the error of a step lists. An error is not limited by the size of the run's record.
    package static let maximumInErrors = 20
    /// The maximum length of a message, in Unicode scalars, without the ellipsis of a shortened one.
    private static let maximumMessage = 200

    /// In the form of `json`.
    package static let schema = JSONSchema.object(
        required: [
            "index": JSONSchema.integer.described("The position of the item or branch, from 0"),
            "execution_id": JSONSchema.string(format: .uuid).described("The run that was started for it"),
            "error": JSONSchema.object(required: [
                "code": .string(maxLength: 100), "message": .string(maxLength: maximumMessage + 1),
            ]).named("FailedRunError"),
        ], optional: ["branch": JSONSchema.string(maxLength: 200).described("The name of the branch")]
    ).named("FailedRun")

    fileprivate init(_ row: Row) throws {
        let (item, id, status, error) = try row.decode(Int.self, String.self, String.self, JSON?.self)
        self.item = item
        executionID = id
        self.status = status
        self.error = error.flatMap { TaskFailure(json: $0) }
    }

    /// - Parameter branch: the name of the branch, if the item is one.
    package func json(branch: String? = nil) -> JSON {
        var object = JSONObject([.init(name: "index", value: JSON(item))])
        object["branch"] = branch.map(JSON.string)
        object["execution_id"] = .string(executionID)
        object["error"] = [
            "code": .string(error?.code ?? status),
            "message": .string(
                (error?.message ?? "The workflow did not complete").shortened(to: Self.maximumMessage)),
        ]
        return .object(object)
    }
}

extension TaskContext {
    /// The number of runs that this attempt has started and that have ended without being completed.
    package func failedRunCount() throws -> Int {
        try connection.query("SELECT count(*) FROM executions e WHERE \(ownRuns) AND \(hasFailed)")
            .only.decode(Int.self)
    }

    /// Those runs in the order of their items.
    ///
    /// - Parameter limit: the maximum number of them.
    package func failedRuns(limit: Int) throws -> [FailedRun] {
        try connection.query(
            """
            SELECT e.item, e.id, e.status, coalesce(e.error, s.error)
            FROM executions e \(RunResult.lastStep)
            WHERE \(ownRuns) AND \(hasFailed) ORDER BY e.item LIMIT \(limit)
            """
        ).map(FailedRun.init)
    }

    private var hasFailed: SQL { "e.status NOT IN ('running', 'completed')" }
}
