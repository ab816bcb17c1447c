import Foundation
import Synchronization

/// Runs the body on that many threads at once, each with its number, and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for number in 0..<count {
        group.enter()
        Thread.detachNewThread {
            body(number)
            group.leave()
        }
    }
    group.wait()
}

/// What threads count together, and the highest it has been.
final class Tally: Sendable {
    private let now = Atomic(0)
    private let most = Atomic(0)

    var count: Int { now.load(ordering: .relaxed) }
    var highest: Int { most.load(ordering: .relaxed) }

    func add(_ step: Int = 1) {
        most.max(now.add(step, ordering: .relaxed).newValue, ordering: .relaxed)
    }
}
