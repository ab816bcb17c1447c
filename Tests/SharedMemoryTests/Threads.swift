import Foundation
import Synchronization

/// Runs the body on this many threads concurrently, passing each its number, and waits for all.
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

/// A counter shared by threads, with its maximum.
final class Tally: Sendable {
    private let current = Atomic(0)
    private let maximum = Atomic(0)

    var count: Int { current.load(ordering: .relaxed) }
    var highest: Int { maximum.load(ordering: .relaxed) }

    func add(_ step: Int = 1) {
        maximum.max(current.add(step, ordering: .relaxed).newValue, ordering: .relaxed)
    }
}
