import Flows
import HTTP
import Postgres

extension Context {
    /// In seconds: less than the minute after which web servers time out.
    static let maximumWait = 50

    /// Delays the response until a run ends, for at most the seconds that the caller prefers (`Prefer: wait=20`), or
    /// else the default; not at all for a caller that prefers only `respond-async`.
    ///
    /// - Parameters:
    ///   - ownerID: the owner of the run, if the call has no user.
    ///   - fallback: the response if the call cannot wait.
    ///   - answer: called when the run has ended or the time has passed.
    func reply(
        whenEnded executionID: String, of ownerID: String? = nil, defaultSeconds: Int, fallback: Response,
        answer: @escaping RunAnswer
    ) throws -> Reply {
        let (preferences, applied) = (Preferences(request.headers), appliedPreference)
        let fallback = fallback.applying(applied)
        let seconds = preferences.appliedWait ?? (preferences.respondsAsync ? 0 : defaultSeconds)
        guard seconds > 0 else { return .response(fallback) }
        let (call, userID) = (call, try ownerID ?? user.id)
        let visibility = try ownerID.map(Visibility.user) ?? user.allRuns
        return .wait(for: userID, fallback: fallback) { pending in
            let wait = CompletionWait(
                executionID: executionID, userID: userID, timeout: .seconds(seconds),
                fallback: { call.response { fallback } }
            ) { connection, admitLarge in
                do {
                    let found = try ShownExecution.find(executionID, in: visibility, on: connection) {
                        if !admitLarge { throw LargeRecord() }
                    }
                    guard let run = found else { throw Problem.notFound }
                    return call.response { answer(run).applying(applied) }
                } catch is LargeRecord {
                    return nil
                } catch {
                    return call.response { throw error }
                }
            }
            do {
                try call.services.watchCompletion(wait, pending)
            } catch {
                pending.send(wait.fallback())
            }
        }
    }

    /// What the call prefers of what applies to it, as `Preference-Applied` names it. It applies as well if the call
    /// need not wait, because the run has ended already.
    var appliedPreference: String? {
        let preferences = Preferences(request.headers)
        return preferences.appliedWait.map { "wait=\($0)" } ?? (preferences.respondsAsync ? "respond-async" : nil)
    }

    /// Whether the caller prefers a response before the run begins.
    var respondsAtOnce: Bool {
        let preferences = Preferences(request.headers)
        return preferences.respondsAsync && preferences.wait == nil
    }
}

/// A record is too large to be read now.
private struct LargeRecord: Error {}

extension Preferences {
    /// In seconds; nil: the call has no preference for it.
    fileprivate var appliedWait: Int? { wait.map { min($0, Context.maximumWait) } }
}

extension Response {
    /// The response that names the preference that was applied (RFC 7240, section 3).
    func applying(_ preference: String?) -> Response {
        var response = self
        if let preference { response.headers["Preference-Applied"] = preference }
        return response
    }
}
