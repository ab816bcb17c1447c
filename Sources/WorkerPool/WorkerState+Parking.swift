import System

/// Runs that wait without a slot.
extension WorkerState {
    struct ParkedRun {
        /// An instant from which the lease was valid for its whole length.
        var renewed: Monotonic
        let isSuspect: Bool
    }

    /// The run of the slot keeps its lease.
    mutating func park(_ slot: Int) {
        guard case .running(let lease, let renewed) = slots[slot] else { return }
        parked[lease] = ParkedRun(renewed: renewed, isSuspect: isolated == slot)
    }

    mutating func becameReady(_ lease: Lease) {
        guard parked[lease] != nil else { return }
        ready.append(lease)
        wakeForReady()
    }

    /// Lets the slot continue the run that has been ready for longest, if one may be continued now. While the queue
    /// fails, none is: its result could not be stored.
    mutating func resumeNext(by slot: Int) -> Lease? {
        guard isolated == nil, pausedUntil == nil || !isWorking, !hasEnded, let lease = ready.first,
            let run = parked.removeValue(forKey: lease)
        else { return nil }
        ready.removeFirst()
        slots[slot] = .running(lease: lease, renewed: run.renewed)
        if run.isSuspect { isolated = slot }
        return lease
    }

    /// Further runs may be ready, and slots that have waited for the last parked run may stop.
    mutating func resumed(_ slot: Int) {
        if isolated == slot { interruptAll(.afterStep, except: slot) }
        if !isWorking, parked.isEmpty {
            for slot in slots.indices { actions.append(.wake(slot: slot)) }
        }
        wakeForReady()
    }

    /// Wakes as many waiting slots as runs are ready.
    mutating func wakeForReady() {
        guard isolated == nil, pausedUntil == nil || !isWorking else { return }
        let waiting = slots.indices.filter { slot in
            switch slots[slot] {
            case .idle: true
            case .notified: !isWorking
            case .polling, .running, .stopped: false
            }
        }
        for slot in waiting.prefix(ready.count) {
            slots[slot] = .notified
            actions.append(.wake(slot: slot))
        }
    }

    mutating func renewedParked(_ leases: [Lease], lost: Set<Lease>, requested: Monotonic) {
        for lease in leases where parked[lease] != nil {
            if lost.contains(lease) {
                actions.append(.interruptParked(lease, .atOnce))
            } else {
                parked[lease]?.renewed = requested
            }
        }
    }
}
