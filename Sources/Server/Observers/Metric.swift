/// All metrics, each of them one entry; `GET /metrics` shows them in this order.
///
/// The names follow Prometheus' naming rules: base units, `_total` for counters. Labels have few values, never what a
/// client sends.
enum Metric: String, CaseIterable {
    case requests = "http_requests_total"
    case requestDuration = "http_request_duration_seconds"
    case slowRequests = "flow_manager_slow_requests_total"
    case requestsInFlight = "flow_manager_requests_in_flight"
    case callsRefused = "flow_manager_calls_refused_total"
    case parkedCalls = "flow_manager_parked_calls"
    case eventStreams = "flow_manager_event_streams"
    case eventsDelivered = "flow_manager_events_delivered_total"
    case slowEventReaders = "flow_manager_slow_event_readers_total"
    case threads = "flow_manager_threads"
    case processes = "flow_manager_processes"
    case listenQueue = "flow_manager_listen_queue"
    case listenQueueLimit = "flow_manager_listen_queue_limit"
    case databaseUp = "flow_manager_database_up"
    case databaseConnections = "flow_manager_database_connections"
    case roundTrips = "flow_manager_database_round_trips_total"
    case databaseErrors = "flow_manager_database_errors_total"
    case hashesRunning = "flow_manager_password_hashes_running"
    case hashWaits = "flow_manager_password_hash_waits_total"
    case hashWaitTime = "flow_manager_password_hash_wait_seconds_total"
    case hashesRefused = "flow_manager_password_hashes_refused_total"
    case loginsFailed = "flow_manager_logins_failed_total"
    case runsFinished = "flow_manager_runs_finished_total"
    case stepsFinished = "flow_manager_steps_finished_total"
    case stepDuration = "flow_manager_step_duration_seconds_total"
    case stepRetries = "flow_manager_step_retries_total"
    case externalCalls = "flow_manager_external_calls"
    case externalCallsEnded = "flow_manager_external_calls_ended_total"
    case externalCallTime = "flow_manager_external_call_seconds_total"
    case notifications = "flow_manager_notifications_total"
    case creditsSettled = "flow_manager_credits_settled_total"
    case queueRuns = "flow_manager_queue_runs"
    case oldestDue = "flow_manager_queue_oldest_due_seconds"
    case deadLetters = "flow_manager_dead_letters"
    case tableBytes = "flow_manager_table_bytes"
    case indexBytes = "flow_manager_index_bytes"
    case oldestMonth = "flow_manager_history_oldest_month_seconds"
    case monthsAhead = "flow_manager_history_months_ahead"
    case unplannedRuns = "flow_manager_history_unplanned_runs"
    case schedulesDecided = "flow_manager_schedules_decided_total"
    case oldestDueSchedule = "flow_manager_queue_oldest_schedule_seconds"
    case pendingNotifications = "flow_manager_queue_notifications"
    case oldestDueNotification = "flow_manager_queue_oldest_notification_seconds"
    case leaseLosses = "flow_manager_lease_losses_total"
    case runsRescued = "flow_manager_runs_rescued_total"
    case logLinesDropped = "flow_manager_log_lines_dropped_total"
    case processStarts = "flow_manager_process_starts_total"
    case processExits = "flow_manager_process_exits_total"
    case processReplacements = "flow_manager_process_replacements_total"
    case emergencyRestarts = "flow_manager_emergency_restarts_total"
    case buildInfo = "flow_manager_build_info"
    case startTime = "process_start_time_seconds"
    case processorTime = "process_cpu_seconds_total"
    case residentMemory = "process_resident_memory_bytes"
    case openDescriptors = "process_open_fds"
    case maximumDescriptors = "process_max_fds"

    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    var kind: Kind {
        if self == .requestDuration { return .histogram }
        return rawValue.hasSuffix("_total") ? .counter : .gauge
    }

    /// What it measures, as one line.
    var help: String {
        switch self {
        case .requests: "Requests that were answered, by the pattern of their route"
        case .requestDuration: "Time from the first look at a request to its response"
        case .slowRequests: "Requests that occupied a thread for longer than SLOW_REQUEST"
        case .requestsInFlight: "Requests that occupy a thread or wait without one"
        case .callsRefused: "Calls that were answered 429, by the code of the problem"
        case .parkedCalls: "Calls that wait without a thread, and open streams"
        case .eventStreams: "Open streams of events"
        case .eventsDelivered: "Events that were passed on to clients"
        case .slowEventReaders: "Streams of events that were closed because their clients took nothing"
        case .threads: "Threads by what they do now; unknown: more than the pool's memory has room for"
        case .processes: "Processes of the pool"
        case .listenQueue: "Connections that wait to be accepted"
        case .listenQueueLimit: "Connections that may wait to be accepted"
        case .databaseUp: "Whether the database answered this scrape"
        case .databaseConnections: "Open connections to the database"
        case .roundTrips: "Batches of statements that the database answered"
        case .databaseErrors: "Batches that failed, by class of SQLSTATE; connection: the database was not available"
        case .hashesRunning: "Password hashes that are being computed"
        case .hashWaits: "Password hashes that had to wait for a slot"
        case .hashWaitTime: "Time for which password hashes waited for slots"
        case .hashesRefused: "Calls that were answered 503 because too many password hashes waited"
        case .loginsFailed: "Logins that were answered 401"
        case .runsFinished: "Runs that have ended"
        case .stepsFinished: "Steps that have ended, by the status of their last attempt"
        case .stepDuration: "Duration of ended steps"
        case .stepRetries: "Attempts of steps after the first one"
        case .externalCalls: "Calls that steps make outside of the program, or that wait for EXTERNAL_CALLS"
        case .externalCallsEnded: "Calls that steps have made, by the class of the status or why there is none"
        case .externalCallTime: "Duration of calls that steps have made"
        case .notifications: "Attempts to notify of the end of a run: delivered, failed, or dead, which is the last one"
        case .creditsSettled: "Credits that were charged for steps"
        case .queueRuns: "Runs in the queue, by their state; at most 100000 are counted"
        case .oldestDue: "How long the oldest run that is due has been due"
        case .deadLetters: "Runs that failed because workers gave them up; at most 1000 are counted"
        case .tableBytes: "Size of a table in the database, with its partitions and large values"
        case .indexBytes: "Size of the indexes of a table in the database"
        case .oldestMonth: "Beginning of the month of the oldest runs, in seconds since 1970"
        case .monthsAhead: "Months after this one for which a partition is made"
        case .unplannedRuns: "Whether runs are stored for which no month was made"
        case .schedulesDecided: "Instants of schedules, by what has become of them"
        case .oldestDueSchedule: "How long the oldest schedule that is due has been due"
        case .pendingNotifications: "Notifications of ends that are pending; at most 100000 are counted"
        case .oldestDueNotification: "How long the oldest attempt to notify that is due has been due"
        case .leaseLosses: "Runs that a worker lost to another one or to a cancellation"
        case .runsRescued: "Runs that became due again because their worker had disappeared"
        case .logLinesDropped: "Lines of the log that were dropped because its reader was too slow"
        case .processStarts: "Processes that the supervisor started"
        case .processExits: "Processes that have exited"
        case .processReplacements: "Processes that the supervisor replaced although they had not ended, by the reason"
        case .emergencyRestarts: "Replacements of all processes after EMERGENCY_RESTART_THRESHOLD crashes"
        case .buildInfo: "Always 1; the version of the program"
        case .startTime: "When the pool started, in seconds since 1970"
        case .processorTime: "Processor time of all processes of the pool, also of those that have exited"
        case .residentMemory: "Resident memory of all processes of the pool"
        case .openDescriptors: "Open descriptors of the process of the pool that has most"
        case .maximumDescriptors: "Limit of the open descriptors of one process"
        }
    }

    /// Whether the value is stored in nanoseconds and shown in seconds.
    var isDuration: Bool { self == .hashWaitTime || self == .stepDuration || self == .externalCallTime }

    /// The text of a series: the name and its labels.
    func series(_ labels: KeyValuePairs<String, String> = [:]) -> String { rawValue + Self.text(of: labels) }

    private static func text(of labels: KeyValuePairs<String, String>) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",") + "}"
    }
}
