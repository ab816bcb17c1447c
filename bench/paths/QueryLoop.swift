import Glibc
import JSON
import System

/// `query-loop DOCUMENT QUERY SECONDS`: parses a query once, evaluates it for so many seconds, and prints the number of
/// nodes that it selects and of evaluations per second. `peers/query_loop.py` does the same.
@main
struct QueryLoop {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let seconds = Double(arguments[3]) else { exit(2) }
        let document = try JSON(parsing: try Files.read(arguments[1], limit: 1 << 28))
        let path = try JSONPath(parsing: arguments[2])
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        var (evaluations, nodes) = (0, 0)
        // The clock is read so rarely that it does not count.
        var batch = 1
        while true {
            let before = ContinuousClock.now
            if before >= end { break }
            for _ in 0..<batch {
                var budget = JSONPathBudget()
                nodes = try path.values(in: document, budget: &budget).count
            }
            evaluations += batch
            if ContinuousClock.now - before < .milliseconds(10) { batch *= 2 }
        }
        print(nodes, Double(evaluations) / ((ContinuousClock.now - start) / .seconds(1)))
    }
}
