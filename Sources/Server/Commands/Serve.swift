import App
import FastCGI
import Glibc
import System
import SharedMemory
import Supervision

/// `serve`: the supervisor. It opens the socket and starts responders and workers; it has no database connection.
enum Serve {
    static func run(_ invocation: Invocation) throws {
        // First of all, so that no signal ends the process before the supervisor runs.
        let signals = try Supervisor.signals()
        let configuration = invocation.configuration
        let problems = configuration.problems(settingsFile: invocation.settingsFile, migrates: false)
        guard problems.isEmpty else { throw InvalidSettings(command: "serve", problems: problems) }
        let observers = try Observers(invocation, as: nil)
        let (log, memory, observe) = (observers.log, observers.memory.memory, observers.observe)
        defer { log.close() }
        try check(configuration, observers.memory, observe)
        if !invocation.unknownSettings.isEmpty { observe(.settingsUnknown(invocation.unknownSettings)) }
        let inspection = try PoolInspection(invocation, memory, observe)
        defer { inspection.end() }
        let notifications = ServiceNotifications(environment: invocation.environment)
        var policy = SupervisorPolicy(responders: try configuration.responders, workers: try configuration.workers)
        policy.heartbeatTimeout = try configuration.heartbeatTimeout
        policy.grace = try configuration.processControlTimeout
        policy.maxRequests = try configuration.maxRequests
        policy.emergencyRestartThreshold = try configuration.emergencyRestartThreshold
        policy.emergencyRestartInterval = try configuration.emergencyRestartInterval
        policy.requestTerminateTimeout = try configuration.requestTerminateTimeout
        policy.largestChild = try configuration.processMemory.map { $0 / 2 }
        let supervisor = Supervisor(
            listening: inspection.listener.descriptor,
            refusesConnectionsAtEnd: !Listener.isInherited(by: getpid(), invocation.environment),
            executable: invocation.executable,
            arguments: { role in [role == .responder ? "respond" : "work"] + invocation.arguments },
            environment: invocation.environment.filter { $0.key != ServiceNotifications.variable }.merging(
                [PoolMemory.variable: "\(memoryDescriptor)", Log.variable: "\(logDescriptor)"]) { $1 },
            inherited: [memoryDescriptor: memory.descriptor, logDescriptor: 2],
            policy: policy, reopenLog: { log.reopen() }, inspect: inspection.run
        ) { event in
            observe(.supervisor(event))
            if let state = event.serviceState { notifications?.send(state) }
        }
        try withExtendedLifetime(memory) { try supervisor.run(reading: signals) }
    }

    private static let memoryDescriptor: Int32 = 4
    private static let logDescriptor: Int32 = 5

    /// Prepares what the children will, before the socket exists: a failure is reported once, not by each of them.
    private static func check(
        _ configuration: Configuration, _ memory: PoolMemory, _ observe: @escaping Observer
    ) throws {
        _ = try Respond.services(
            configuration, memory, observe, events: EventService(hasStreams: false) { _ in }
        ) { _, _ in }
        _ = try Work.policy(configuration)
        guard try configuration.flowGate != nil else {
            throw ConfigurationError(\.flowGate, "must be set")
        }
    }
}

extension SupervisorEvent {
    /// What the service manager has to know of it.
    fileprivate var serviceState: ServiceNotifications.State? {
        switch self {
        case .allReady, .reloaded, .reloadAbandoned: .ready
        case .reloading: .reloading
        case .terminating: .stopping
        default: nil
        }
    }
}
