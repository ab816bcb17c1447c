import App
import HTTP
import HTTPClient
import System

/// What happens to calls on their way to the program.
extension Diagnosis {
    /// - Parameter code: the code of the value that was sent; nil: without a report of the program, an answer to a call
    ///   with an invalid token shows whether it arrived.
    func authorization(_ answer: SiteAnswer, code: String?) -> Finding {
        let check = "authorization"
        let stripped = Finding.failure(
            check, "The header Authorization does not reach the program, so no token does.", host.linesForAuthorization)
        guard let code else {
            return switch answer.code {
            case ProblemCode.tokenInvalid.rawValue?: .ok(check, "The header Authorization reaches the program.")
            case ProblemCode.tokenMissing.rawValue?: stripped
            default: .failure(check, "A call with a token is not answered by the program: \(answer.summary).")
            }
        }
        guard let arrival = answer.arrival else {
            return .failure(
                check, "A call with the header Authorization does not reach the program: \(answer.summary).")
        }
        guard let arrived = arrival.authorization else { return stripped }
        guard arrived == code else {
            return .failure(
                check, "The header Authorization arrives with another value: a proxy or the web server replaces it.")
        }
        return .ok(check, "The header Authorization reaches the program unchanged.")
    }

    /// - Parameter answers: with a report of the program, or else to `/health`, where the program permits only GET.
    func methods(_ answers: [(method: Method, answer: SiteAnswer)], withReports: Bool) -> Finding {
        let check = "methods"
        let lost = answers.filter { method, answer in
            withReports
                ? answer.status != 200 || answer.headers[Doctor.header] != method.rawValue
                : !Self.isOfHealth(answer, to: method)
        }
        guard lost.isEmpty else {
            let list = lost.map { "\($0.method.rawValue) (\($0.answer.summary))" }.joined(separator: ", ")
            return .failure(
                check,
                "Calls do not reach the program: \(list). Remove limit_except, <LimitExcept>, `Require method` and "
                    + "rules of a firewall that refuse these methods.")
        }
        return .ok(check, "\(answers.map(\.method.rawValue).joined(separator: ", ")) reach the program.")
    }

    /// Whether it is the program's own answer; the web server's 405 has another list.
    private static func isOfHealth(_ answer: SiteAnswer, to method: Method) -> Bool {
        switch method {
        case .get, .head: answer.status == 200
        case .options: answer.status == 204 && answer.headers["Allow"] == "GET, HEAD, OPTIONS"
        default: answer.status == 405 && answer.headers["Allow"] == "GET, HEAD, OPTIONS"
        }
    }

    /// The longest body in memory, and shorter ones that were tried because it did not arrive.
    ///
    /// - Parameters:
    ///   - answers: to bodies, with their lengths; the longest first.
    ///   - digest: of a body of that length; nil without reports of the program.
    func bodies(_ answers: [(length: Int, answer: SiteAnswer)], digest: ((Int) -> String)?) -> Finding {
        let check = "body"
        func arrived(_ length: Int, _ answer: SiteAnswer) -> Bool {
            guard let digest else { return answer.code == ProblemCode.invalidJSON.rawValue }
            return answer.arrival.map { $0.bodyLength == length && $0.bodyDigest == digest(length) } ?? false
        }
        guard let (longest, answer) = answers.first.map({ ($0.length, $0.answer) }) else {
            return .skipped(check, "No body was sent.")
        }
        if arrived(longest, answer) { return .ok(check, "A body of \(longest >> 10) KiB reaches the program.") }
        let largest = answers.first { arrived($0.length, $0.answer) }?.length
        let known = largest.map { "one of \($0 >> 10) KiB does" } ?? "shorter ones do not either"
        // The default of FcgidMaxRequestLen is 131,072 bytes.
        let isOfFcgid = host.isApache && largest == 128 << 10
        return .failure(
            check,
            "A body of \(longest >> 10) KiB does not reach the program (\(answer.summary)); \(known)."
                + (isOfFcgid
                    ? " That is mod_fcgid's default. A shared host sets it for all: there, send less in one call."
                    : ""),
            host.linesForBodies)
    }

    /// A body that is longer than any call takes in memory must be refused with 413.
    ///
    /// - Parameter chunked: the answer to one that was sent without its length.
    func largeBody(_ answer: SiteAnswer, chunked: SiteAnswer) -> Finding {
        let check = "large-body"
        guard answer.status == 413 else {
            return .warning(check, "A body that is too long gets \(answer.summary) instead of status 413.")
        }
        // 411: under CGI Apache does not say whether such a body is complete.
        guard [411, 413].contains(chunked.status) else {
            return .warning(
                check,
                "A body that is too long, sent in chunks without its length, gets \(chunked.summary) instead of status "
                    + "413.")
        }
        return .ok(check, "A body that is too long is refused, also if it is sent in chunks.")
    }

    /// Whether the web server reads a whole body before it forwards the call.
    ///
    /// - Parameters:
    ///   - answer: to a body that took `sendTime` to send.
    ///   - sendTime: at least a second, so that network delays do not matter.
    func buffering(_ answer: SiteAnswer, sendTime: Duration) -> Finding {
        let check = "buffering"
        guard let arrival = answer.arrival else {
            return .failure(check, "A body that is sent slowly does not reach the program: \(answer.summary).")
        }
        guard sendTime >= .seconds(1) else { return .skipped(check, "The body was sent too fast.") }
        guard arrival.bodyTime * 2 > sendTime else {
            return .ok(check, "The web server reads a body before the program gets the call.")
        }
        if arrival.isCGI { return .ok(check, "A body that is sent slowly occupies the process of its call only.") }
        if host == .proxyFCGI {
            // No setting of mod_proxy_fcgi changes it.
            return .info(
                check,
                "Apache forwards a body as it comes: a slow client occupies a thread, until the program closes after "
                    + "15 s. Apache ends slower ones before, if it has the line of the sample:",
                host.linesForBuffering)
        }
        return .warning(
            check, "The web server forwards a body as it comes, so that a slow client occupies a thread.",
            host.linesForBuffering)
    }

    /// - Parameter seconds: that the call asked to wait.
    func wait(_ answer: SiteAnswer, seconds: Int) -> Finding {
        let check = "time-out"
        let waited = Int(answer.duration.components.seconds)
        guard answer.arrival != nil else {
            return .failure(
                check, "A call that waits \(seconds) s was cut after \(waited) s: \(answer.summary).",
                host.linesForWaits)
        }
        guard answer.duration >= .seconds(seconds) - .seconds(1) else {
            return .warning(check, "A call that asked to wait \(seconds) s was answered after \(waited) s.")
        }
        return .ok(check, "A call may wait for \(seconds) s.")
    }

    /// Whether the web server passes each part of a response on at once, as the events of `GET /api/events` need it.
    ///
    /// - Parameter answer: to a call for a stream, of which the program sends the second part later.
    func streaming(_ answer: SiteAnswer, hasStreams: Bool?) -> Finding {
        let check = "streaming"
        guard let hasStreams else { return .skipped(check, "The version that runs there does not say it.") }
        guard hasStreams else {
            return .info(
                check,
                "The web server starts the processes, which cannot send events as they happen: readers get them in "
                    + "pages, by calls that wait.")
        }
        guard answer.status == 200, answer.headers["Content-Type"]?.hasPrefix("text/event-stream") == true,
            let first = answer.transfer.firstByteTime
        else { return .failure(check, "A stream of events does not reach the client: \(answer.summary).") }
        guard first * 2 < answer.duration else {
            return .warning(
                check,
                "The web server collects a response: the first event of a stream came after \(first.milliseconds) ms, "
                    + "together with the last. Readers of /api/events get theirs late.", host.linesForStreams)
        }
        return .ok(check, "An event reaches the client at once, while its stream is open.")
    }
}
