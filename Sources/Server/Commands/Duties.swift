import App
import Flows
import Postgres
import WorkerPool

/// The list of background duties that every worker process has.
enum Duties {
    static func all(of engine: Engine, on connection: Connection) -> [Duty] {
        var pass = Pruning.Pass()
        return [
            .rescuer(every: .seconds(1)) { try engine.rescue(on: connection) },
            Duty("waker", every: .seconds(1)) { _ in
                try engine.wakeDue(on: connection)
                return .done
            },
            Duty("admitter", every: .seconds(1)) { _ in
                try engine.admitOverlooked(on: connection)
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
        ]
    }
}
