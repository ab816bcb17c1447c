import Glibc
import SharedMemory

/// What receives the observations of a process of the pool: its log, and the metrics in the pool's memory.
struct Observers {
    let log: Log
    let metrics: Metrics
    let memory: PoolMemory

    /// - Parameter role: nil for the supervisor, which creates the memory.
    init(_ invocation: Invocation, as role: Scoreboard.Role?) throws {
        let configuration = invocation.configuration
        var refusals: [Observation] = []
        memory =
            role == nil
            ? PoolMemory(memory: try SharedMemory(), isShared: true, main: getpid())
            : try PoolMemory.open(invocation.environment, folder: try configuration.stateFolder) {
                refusals.append($0)
            }
        let metrics = Metrics(in: memory.memory, slowRequest: try configuration.slowRequest)
        self.metrics = metrics
        if let role { metrics.enter(as: role) } else { metrics.beginWithZeros() }
        log = try Log(configuration, invocation.environment) { metrics.countDroppedLines($0) }
        refusals.forEach(log.write)
    }

    var observe: Observer {
        { [log, metrics] observation in
            log.write(observation)
            metrics.observe(observation)
        }
    }
}
