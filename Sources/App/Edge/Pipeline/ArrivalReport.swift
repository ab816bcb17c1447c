package import Crypto
import HTTP
import JSON
import Postgres
import System

/// What of a call of `flow-manager doctor` has reached the program. It contains nothing secret: of the header
/// `Authorization` only a code that its sender can compare.
struct ArrivalReport {
    let request: Request
    let doctor: Doctor
    let body: [UInt8]
    /// How long the program waited for the body.
    let bodyTime: Duration
    /// In seconds since 1970.
    let now: Int64
    let database: JSON
    /// Whether the responses of this process may be streams.
    let hasStreams: Bool

    var json: JSON {
        [
            "method": .string(request.method), "target": .string(request.target),
            "authorization": JSON(request.headers.list("authorization").map { doctor.code(of: $0) }),
            "body_length": .integer(Int64(body.count)),
            "body_digest": .string(Hexadecimal.encode(Digest.sha256(body))),
            "body_milliseconds": .integer(Int64(bodyTime.milliseconds)),
            "https": .bool(request.isSecure), "client": .string(request.remoteAddress),
            "gate": .bool(request.hasPassedGate),
            "web_server": JSON(request.webServer?.rawValue),
            "interface": doctor.process.isCGI ? "cgi" : "fastcgi",
            "supervised": .bool(doctor.process.isSupervised),
            "memory_shared": .bool(doctor.process.sharesMemory), "streams": .bool(hasStreams),
            "time": .integer(now), "database": database,
            "version": .string(Routes.interface.version),
        ]
    }
}

extension Doctor {
    /// A code of a header's value, which says nothing about the value to those without the key.
    package func code(of value: String) -> String { Self.code(of: value, key: key) }

    package static func code(of value: String, key: HMACSHA256) -> String {
        Hexadecimal.encode(key.code(for: Array("header \(value)".utf8)))
    }

    /// The state of the database, as far as `flow-manager doctor` judges it.
    static func database(
        _ connection: Connection, readinessFailure: (Connection) throws -> ProblemCode?
    ) -> JSON {
        do {
            let time = try connection.query("SELECT extract(epoch FROM clock_timestamp())::bigint").first?
                .decode(Int64.self)
            let failure = try readinessFailure(connection)
            return ["up": true, "time": JSON(time), "is_migrated": .bool(failure == nil)]
        } catch {
            return ["up": false]
        }
    }
}

extension Application {
    /// Replies with the report of what has arrived, at once or after the seconds that the call asks to wait.
    func report(
        _ request: Request, to doctor: Doctor, readingBody read: BodyReader, over connection: Connection, now: Int64
    ) throws -> Reply {
        let start = Monotonic.now
        guard case .bytes(let body) = try read(.memory) else { throw Problem.notFound }
        let bodyTime = Monotonic.now - start
        let report = ArrivalReport(
            request: request, doctor: doctor, body: body, bodyTime: bodyTime, now: now,
            database: Doctor.database(connection, readinessFailure: services.readinessFailure),
            hasStreams: services.events.hasStreams)
        let response = Response.json(report.json, headers: [Doctor.header: request.method])
        if request.acceptsEvents, services.events.hasStreams { return Self.streamInParts(fallback: response) }
        guard let seconds = Preferences(request.headers).wait, seconds > 0 else {
            return .response(response)
        }
        let wait = Duration.seconds(min(seconds, Doctor.longestWait))
        return .wait(fallback: response) { pending in
            // Without a thread the answer comes at once, which the doctor notices.
            do {
                try NativeThread {
                    if let end = try? WakeUp() { end.wait(until: .now + wait) }
                    pending.send(response)
                }.detach()
            } catch {
                pending.send(response)
            }
        }
    }

    /// A stream whose events do not come with its head, nor with each other: if the web server collects them, the first
    /// arrives with the last.
    private static func streamInParts(fallback: Response) -> Reply {
        .stream(head: .events(), fallback: fallback) { stream in
            do {
                try NativeThread {
                    for pause in Doctor.streamPauses {
                        if let end = try? WakeUp() { end.wait(until: .now + pause) }
                        stream.send(EventStream.comment)
                    }
                    stream.end()
                }.detach()
            } catch {
                stream.end()
            }
        }
    }
}
