import JSON
import Postgres

/// Runs that an earlier attempt of a step has started, before a retry or a resume, and that have completed: the next
/// attempt takes them over instead of paying for the same again.
extension TaskContext {
    /// The ids of those that would be started again: for the same item, with the same version and input.
    package func completedRuns(of groups: [ChildGroup]) throws -> [String] {
        var wanted: [Int: (source: FlowSource, input: JSON)] = [:]
        for group in groups {
            for (item, input) in group.inputs { wanted[item] = (group.workflow.source, input) }
        }
        var found: [Int: String] = [:]
        for row in try connection.query(earlierRuns) {
            let (id, item, workflowID, version, input) = try row.decode(
                String.self, Int.self, String?.self, Int?.self, JSON.self)
            guard let (source, wantedInput) = wanted[item], source.workflowID == workflowID,
                source.version == version, input == wantedInput
            else { continue }
            found[item] = id
        }
        return Array(found.values)
    }

    /// The completed runs of earlier attempts of this step, and of the steps that it repeats since a resume: those
    /// follow the last step that counts.
    private var earlierRuns: SQL {
        """
        SELECT e.id, e.item, e.workflow_id, e.version, e.input FROM executions e
        WHERE \(startedRuns) AND e.status = 'completed' AND e.parent_step <= \(step)
            AND (e.parent_step < \(step) OR coalesce(e.parent_attempt, 1) < \(attempt))
            AND e.parent_step > (
                SELECT coalesce(max(s.seq), 0) FROM steps s
                WHERE s.execution_id = \(executionID) AND NOT s.superseded AND s.seq < \(step))
        ORDER BY e.id
        """
    }

    /// Makes these runs belong to this attempt, together with the wait of the step.
    package func takingOver(_ ids: [String]) -> ChildRuns {
        ChildRuns(
            ids: ids,
            statements: [
                """
                UPDATE executions SET parent_step = \(step), parent_attempt = \(attempt)
                WHERE id = ANY(\(ids)::uuid[])
                """
            ])
    }

    /// The items for which this attempt has started runs, or has taken them over.
    package func startedItems() throws -> Set<Int> {
        Set(try connection.query("SELECT e.item FROM executions e WHERE \(ownRuns)").map { try $0.decode(Int.self) })
    }
}
