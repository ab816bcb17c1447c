import App
import Crypto
import Flows
import Postgres
import WorkerPool

/// The list of background duties that every worker process has.
enum Duties {
    /// - Parameter sendNotifications: called when notifications of ends of runs are due; it must not wait.
    static func all(
        of engine: Engine, sealing keys: KeyRing?, on connection: Connection,
        sendNotifications: @escaping () throws -> Void = {},
        observe: @escaping (ApplicationEvent) -> Void
    ) -> [Duty] {
        let scheduler = Scheduler(engine, on: connection, observe: observe)
        var pass = Pruning.Pass()
        var check = SealingCheck(keys)
        var history = History.Pass()
        return [
            .rescuer(every: .seconds(1)) { try engine.rescue(on: connection) },
            // A worker that exits when nothing is due starts these runs first. It has more time than the other duties,
            // because many schedules are due at the same instant, such as midnight.
            Duty("scheduler", every: .seconds(1), delaysExit: true) { _ in
                try scheduler.fireSome(for: .milliseconds(500)) ? .unfinished : .done
            },
            Duty("waker", every: .seconds(1)) { _ in
                try engine.wakeDue(on: connection)
                return .done
            },
            Duty("admitter", every: .seconds(1)) { _ in
                try engine.admitOverlooked(on: connection)
                return .done
            },
            Duty("call-starter", every: .seconds(1)) { _ in
                engine.beginCalls()
                return .done
            },
            Duty("end-notifier", every: .seconds(1)) { _ in
                if try EndNotifier.isDue(on: connection) { try sendNotifications() }
                return .done
            },
            Duty("account-ender", every: .seconds(1)) { _ in
                try AccountEnd.endSomeRuns(by: engine, on: connection) ? .unfinished : .done
            },
            Duty("storage", every: .seconds(1)) { _ in
                try engine.storage.fold(on: connection) ? .unfinished : .done
            },
            Duty("remover", every: .seconds(1)) { _ in
                try AccountRemoval.removeSome(on: connection) ? .unfinished : .done
            },
            Duty("flow-names", every: .seconds(60)) { _ in
                try FlowNames.storeSome(on: connection) ? .unfinished : .done
            },
            Duty("pruner", every: .seconds(600), initialDelay: 0.1...1) { _ in
                try pass.removeSome(on: connection) ? .unfinished : .done
            },
            Duty("event-pruner", every: .seconds(60), initialDelay: 0.1...1) { _ in
                try EventLog.prune(on: connection) ? .unfinished : .done
            },
            Duty("expirer", every: .seconds(60), initialDelay: 0...1) { _ in
                try engine.expireRuns(on: connection) ? .unfinished : .done
            },
            Duty("retention", every: .seconds(3_600), initialDelay: 0.003...0.02) { _ in
                try history.advance(by: engine, on: connection) ? .unfinished : .done
            },
            // A self-test at the start, which is repeated because other machines seal too.
            Duty("sealing-check", every: .seconds(3_600)) { _ in
                guard let missing = try check.lookAtSome(on: connection) else { return .unfinished }
                for key in missing { observe(.sealingKeyMissing(key)) }
                return .done
            },
        ]
    }
}
