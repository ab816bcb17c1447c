import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// The `Idempotency-Key` of a call: the call takes effect once, and its answer is stored for a day.
///
/// The key's row is claimed in the transaction of the effect. A second call with the key waits for that row until the
/// first call has committed (then it gets the stored answer) or rolled back (then it is executed itself).
package struct IdempotencyKey: Sendable {
    let key: String
    let userID: String
    let method: String
    let path: String
    /// The digest of the body by each of the body keys; the first digest is stored.
    let bodyDigests: [[UInt8]]
    let requestID: String
    /// The stored answer counts for the user who has made the call.
    let storage: StorageQuota

    /// Nil when the call has no key or the endpoint accepts none. Throws 400 for a key that is not 1 to 255 visible
    /// ASCII characters or is sent twice, and at an endpoint with a secret in its answer, which must not be stored.
    ///
    /// - Parameter bodyKeys: a body may contain a password, which anyone who reads the database could guess from a
    ///   plain digest; the digest is therefore an HMAC by the first key. The other keys recognize older digests.
    init?(
        of call: Call, body: RequestBody, for endpoint: Endpoint<Context>, caller: Principal?, bodyKeys: [HMACSHA256]
    ) throws {
        let request = call.request
        guard endpoint.idempotency != .none, let key = request.headers["idempotency-key"] else { return nil }
        guard endpoint.idempotency != .refused, let caller else {
            throw Problem(.idempotencyRefused)
        }
        guard request.headers.count(of: "idempotency-key") == 1, (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw Problem(.idempotencyKeyInvalid) }
        self.key = key
        userID = caller.id
        method = request.method
        path = String(request.pathWithoutSlash)
        guard case .bytes(let bytes) = body else { throw Problem(.idempotencyRefused) }
        bodyDigests = bodyKeys.map { $0.code(for: bytes) }
        requestID = call.id
        storage = call.services.engine.storage
    }

    /// Executes `body` in one transaction with the claim of the key, and stores its initial response if the status
    /// permits.
    func answeringOnce(over connection: Connection, _ body: () throws -> Reply) throws -> Reply {
        do {
            try connection.begin()
            guard try claim(on: connection) else {
                connection.rollback()
                return .response(try replay(on: connection))
            }
            let reply = try body()
            try connection.commit(after: [store(reply.initial)])
            return reply
        } catch let problem as Problem where IdempotencyKey.stores(problem.status) {
            connection.rollback()
            try storeRefusal(problem, on: connection)
            throw problem
        } catch let error as PostgresError where error.kind == .commitUnknown {
            return .response(try replay(on: connection))
        }
    }

    /// What the first call with a key has left.
    enum Earlier {
        /// Its stored answer, marked as replayed.
        case answer(Response)
        /// The run that it started, in the same commit; the answer is derived from the record of the run, unless that
        /// was deleted.
        case run(id: String)
    }

    /// What the first call with this key has left; nil if there was no call.
    func earlier(on connection: Connection) throws -> Earlier? {
        guard
            let row = try connection.query(
                """
                SELECT body_digest, status, headers, body, execution_id FROM idempotency_keys
                WHERE \(isThisKey) AND created_at > now() - interval '24 hours'
                """
            ).first
        else { return nil }
        let (digest, status, headers, body, execution) = try row.decode(
            [UInt8].self, Int?.self, JSON?.self, String?.self, String?.self)
        guard bodyDigests.contains(digest) else {
            throw Problem(.idempotencyKeyReused)
        }
        if let status, let body {
            var response = Response(status: Status(rawValue: status), body: Array(body.utf8))
            for field in headers?.objectValue?.members ?? [] {
                response.headers.append(name: field.name, value: field.value.stringValue ?? "")
            }
            return .answer(response.replayed)
        }
        guard let execution else { throw IdempotencyKey.inProgress }
        return .run(id: execution)
    }

    /// The answer of the first call with this key, or nil if there was no call.
    func earlierAnswer(on connection: Connection, isAgain: Bool = false) throws -> Response? {
        try answer(of: earlier(on: connection), on: connection, isAgain: isAgain)
    }

    /// The answer that follows from what the first call has left.
    func answer(of earlier: Earlier?, on connection: Connection, isAgain: Bool = false) throws -> Response? {
        switch earlier {
        case nil: return nil
        case .answer(let answer): return answer
        case .run(let id):
            guard let run = try ShownExecution.find(id, of: userID, on: connection)?.execution else {
                throw Problem(.executionDeleted)
            }
            guard run.status.isEnd else { return run.accepted }
            // The run may have ended, and its answer been stored, after the key was read.
            return isAgain ? run.answer.replayed : try earlierAnswer(on: connection, isAgain: true)
        }
    }

    /// Assigns the key to a run; throws `Claimed` if another call has it.
    func claim(for executionID: String, on connection: Connection) throws {
        if try !claim(on: connection, executionID: executionID) { throw Claimed() }
    }

    /// Assigns the key to a run that this thread will execute: the first commit claims it, and the last stores the
    /// answer, if it is not derived from the record of the run.
    func hooks(executionID: String, storing answer: ((Execution) -> Response)? = nil) -> CommitHooks {
        CommitHooks(
            open: { connection in
                try claim(for: executionID, on: connection)
            },
            close: { execution in answer.map { [store($0(execution))] } ?? [] })
    }

    /// Another call has claimed the key.
    struct Claimed: Error {}

    /// Stores the 422 or 402 answer of a call that had no effect. That of a full user is not stored: if the call is
    /// repeated, it is executed.
    func storeRefusal(_ problem: Problem, on connection: Connection) throws {
        try connection.begin()
        do {
            if try claim(on: connection) {
                try connection.commit(after: [store(problem.response(requestID: requestID))])
            }
        } catch let error as PostgresError where StorageRefusal(error) != nil {}
        connection.rollback()
    }

    func replay(on connection: Connection) throws -> Response {
        guard let response = try earlierAnswer(on: connection) else { throw Problem.unavailable() }
        return response
    }

    static func stores(_ status: Status) -> Bool {
        status.isSuccess || status == .paymentRequired || status == .unprocessable
    }

    static let inProgress = Problem(.idempotencyInProgress, headers: ["Retry-After": "1"])

    /// Whether this call has claimed the key. Waits for another call that holds it until the lock timeout; then throws
    /// 409.
    private func claim(on connection: Connection, executionID: String? = nil) throws -> Bool {
        let claim: SQL = """
            INSERT INTO idempotency_keys AS k (user_id, method, path, key, body_digest, execution_id)
            VALUES (\(userID), \(method), \(path), \(key), \(bodyDigests[0]), \(optional: executionID))
            ON CONFLICT (user_id, method, path, key) DO UPDATE
            SET body_digest = excluded.body_digest, execution_id = excluded.execution_id, status = NULL,
                headers = NULL, body = NULL, created_at = now()
            WHERE k.created_at <= now() - interval '24 hours'
            """
        do {
            return try connection.execute(claim) == 1
        } catch {
            throw error.sqlState == .lockNotAvailable ? IdempotencyKey.inProgress : error as any Error
        }
    }

    /// Stores the response, which is in memory, and counts its bytes instead of those of an expired one.
    private func store(_ response: Response) -> SQL {
        guard case .bytes(let body) = response.body else { preconditionFailure("only a response in memory is stored") }
        let headers = JSONText(
            .object(JSONObject(response.headers.fields.map { .init(name: $0.name, value: .string($0.value)) })))
        let bytes = Self.rowBytes + headers.bytes.count + body.count
        let change: SQL = "(SELECT bytes FROM change)"
        return """
            WITH former AS (SELECT bytes FROM idempotency_keys WHERE \(isThisKey)),
            stored AS (
                UPDATE idempotency_keys
                SET status = \(response.status.rawValue), headers = \(headers),
                    body = \(String(decoding: body, as: UTF8.self)), bytes = \(bytes)
                WHERE \(isThisKey)
                RETURNING user_id, bytes),
            change AS (SELECT stored.user_id, stored.bytes - former.bytes AS bytes FROM stored, former)
            \(bytes < StorageQuota.smallChange
                ? StorageQuota.countingSmall(from: "change")
                : storage.counting(change, of: userID))
            """
    }

    /// The bytes that a stored answer counts besides its body and its headers.
    private static let rowBytes = 128

    private var isThisKey: SQL {
        "user_id = \(userID) AND method = \(method) AND path = \(path) AND key = \(key)"
    }
}

extension Response {
    /// This response, marked as that of an earlier call.
    var replayed: Response {
        var response = self
        response.headers["Idempotency-Replayed"] = "true"
        return response
    }
}
