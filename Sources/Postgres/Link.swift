import CPostgres
import Glibc
import System

/// One open `PGconn`, from its start to its end: it never reconnects, and once broken it stays broken.
///
/// It is always in libpq's pipeline mode, so that a batch of statements takes one round trip, including the preparation
/// of new ones. It is also in non-blocking mode, so that a batch waits only in `nextResult`, and no longer than the
/// deadline: a network that drops everything cannot block a thread.
@safe final class Link {
    let handle: OpaquePointer
    let answerTimeout: Duration?
    var statements: PreparedStatements
    /// Whether a batch was answered. A server that accepts connections and then fails does not count as up.
    private(set) var hasAnswered = false
    /// When the last batch was answered.
    private var lastAnswer = ContinuousClock.now
    /// Whether the session listens. It does not receive notifications sent before.
    var isListening = false
    private var isInvalid = false
    var patience: Patience
    /// The statements that were sent last, and how many of them were answered.
    var batch: [SQL] = []
    var position = 0
    /// When the answer of the batch began to be awaited; nil if it was there at once.
    var awaitedSince: ContinuousClock.Instant?
    /// How many statements of the batch only begin its transaction.
    var openingCount = 0
    /// The last batch without those, if it took long.
    private(set) var slowBatch: SlowStatement?

    /// A link that was idle for less than this counts as in use.
    private static let use = Duration.milliseconds(1)

    /// Connects, which takes no longer than `connect_timeout` for each host.
    ///
    /// - Parameter limit: if it is earlier, it ends the wait.
    init(
        _ configuration: PostgresConfiguration, before limit: ContinuousClock.Instant? = nil
    ) throws(PostgresError) {
        unsafe handle = try Self.connect(configuration, before: limit)
        patience = Patience(configuration.waitLimit)
        answerTimeout = configuration.answerTimeout
        statements = PreparedStatements(capacity: configuration.preparesStatements ? 256 : 0)
        guard unsafe PQstatus(handle) == CONNECTION_OK else {
            throw PostgresError(.connectionUnavailable, message)
        }
        unsafe flow_ignore_notices(handle)
        guard unsafe PQsetnonblocking(handle, 1) == 0, unsafe PQenterPipelineMode(handle) == 1 else {
            throw PostgresError(.connectionUnavailable, message)
        }
    }

    deinit { unsafe PQfinish(handle) }

    /// libpq's message about the last failure.
    var message: String {
        let text = unsafe String(cString: PQerrorMessage(handle))
        return String(text.drop(while: \.isWhitespace).prefix { !$0.isNewline })
    }

    var isBroken: Bool { unsafe PQstatus(handle) != CONNECTION_OK }

    /// False once the link must not be used again: it is broken, out of step with the server, or its server has become
    /// a standby.
    var isUsable: Bool { !isInvalid && !isBroken }

    /// Marks the link as unusable, and returns the error that is the reason.
    func invalidate(_ error: PostgresError) -> PostgresError {
        isInvalid = true
        return error
    }

    /// Whether the server has a transaction open.
    var isInTransaction: Bool { unsafe PQtransactionStatus(handle) != PQTRANS_IDLE }

    /// Whether a statement has failed in the open transaction.
    var hasFailedTransaction: Bool { unsafe PQtransactionStatus(handle) == PQTRANS_INERROR }

    /// Reads what arrived while the link was idle; true when the server has ended the session.
    ///
    /// A server that restarts sends a message before it closes the connection. Checking for it costs a microsecond, and
    /// without it the first request after a restart would fail. A link in use is not checked.
    func hasEndedWhileIdle() -> Bool {
        if hasAnswered, ContinuousClock.now - lastAnswer < Self.use { return false }
        var byte: UInt8 = 0
        while unsafe recv(PQsocket(handle), &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) >= 0 || errno != EAGAIN {
            guard unsafe PQconsumeInput(handle) == 1 else { return true }
            // Makes libpq handle the message, which may be a notice or the end of the session.
            _ = unsafe PQisBusy(handle)
            if isBroken { return true }
        }
        return false
    }

    /// Records that a batch was answered.
    func answered() {
        hasAnswered = true
        lastAnswer = .now
        recordIfSlow(at: lastAnswer)
    }

    /// The batch has ended: remembers it if it took long.
    func recordIfSlow(at now: ContinuousClock.Instant) {
        let duration = awaitedSince.map { now - $0 } ?? .zero
        slowBatch = duration < SlowStatement.shortest ? nil : SlowStatement(batch.dropFirst(openingCount), duration)
    }

    /// The statement with the awaited result; the last one until the batch has ended.
    var awaited: SQL { batch.isEmpty ? "" : batch[min(position, batch.count - 1)] }

    /// The next result of what was sent; nil between the results of one statement and those of the next.
    ///
    /// A broken connection yields a result that says so.
    /// - Throws: `timedOut` when the deadline passes first. The link is then unusable.
    func nextResult(before deadline: ContinuousClock.Instant?) throws(PostgresError) -> QueryResult? {
        while unsafe PQisBusy(handle) == 1 {
            guard try waitForServer(until: deadline) else { break }
        }
        return unsafe PQgetResult(handle).map { unsafe QueryResult($0) }
    }

    /// Sends pending output and reads input that has arrived; false when the connection is broken.
    private func waitForServer(until deadline: ContinuousClock.Instant?) throws(PostgresError) -> Bool {
        let isSending = unsafe PQflush(handle) == 1
        var descriptor = unsafe pollfd(
            fd: PQsocket(handle), events: Int16(isSending ? POLLIN | POLLOUT : POLLIN), revents: 0)
        var timeout = Int32.max
        let now = ContinuousClock.now
        if awaitedSince == nil { awaitedSince = now }
        if let deadline {
            let left = deadline - now
            guard left > .zero else { throw invalidate(PostgresError(.timedOut)) }
            timeout = left.pollTimeout
        }
        let pause = patience.pause
        let ready = unsafe poll(&descriptor, 1, min(timeout, pause))
        if ready > 0 { return unsafe PQconsumeInput(handle) == 1 }
        guard ready == 0 else { return errno == EINTR }
        if pause < timeout, !patience.goOn(for: awaited) {
            throw invalidate(PostgresError(.timedOut, "all other threads wait for the database"))
        }
        return true
    }

    /// The server's error in the result; nil if there is none.
    ///
    /// - Throws: `connectionLost` when the result says that the session has ended.
    func refusal(in result: QueryResult) throws(PostgresError) -> PostgresError? {
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return nil
        case PGRES_PIPELINE_ABORTED: return PostgresError(.server(.failedTransaction))
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            throw invalidate(PostgresError(.server(.featureNotSupported), "COPY is not supported"))
        default:
            let error = result.error(sessionEnded: isBroken)
            if error.kind == .connectionLost { throw invalidate(error) }
            return error.sqlState?.endsSession == true || error.isStaleStatement ? invalidate(error) : error
        }
    }
}
