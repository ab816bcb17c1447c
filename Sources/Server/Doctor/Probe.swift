import App
import Crypto
import HTTP
import HTTPClient
import System
import Tokens

/// Sends the doctor's calls: each on a new connection, and each limited in time and size.
struct Probe {
    let site: SiteURL
    /// Signs the tokens; nil: no report of the program is asked for.
    let key: HMACSHA256?
    var verifiesCertificate = true
    /// A PEM file of the authorities that are trusted; nil: the system's.
    var authorities: String?
    /// No call is sent later.
    let deadline: Monotonic

    /// For one call; longer ones say so.
    static let timeout = Duration.seconds(10)

    /// - Parameters:
    ///   - url: nil: the site's.
    ///   - path: below the base path, with the query.
    ///   - speed: the maximum speed of the body, in bytes per second.
    ///   - inChunks: whether the body is sent without its length.
    func send(
        _ method: Method, _ path: String, at url: String? = nil, headers: Headers = [:], body: [UInt8] = [],
        timeout: Duration = Probe.timeout, speed: Int? = nil, inChunks: Bool = false
    ) -> SiteAnswer {
        var settings = HTTPClientSettings()
        settings.permitsAllAddresses = true
        settings.verifiesCertificates = verifiesCertificate
        settings.authorities = authorities
        settings.followsRedirects = false
        settings.totalTimeout = min(timeout, deadline - .now)
        settings.stallTimeout = timeout
        settings.bodyLimit = 64 << 10
        settings.sendSpeed = speed
        settings.sendsChunks = inChunks
        let client = HTTPClient(settings)
        let start = Monotonic.now
        let result: SiteAnswer.Result
        do {
            let response = try client.send(
                OutgoingRequest(method, (url ?? site.text) + path, headers: headers, body: body))
            result = .response(
                status: response.status.rawValue, headers: response.headers, body: response.body)
        } catch {
            result = .failure(error, reason: client.lastTransfer.failure ?? "")
        }
        return SiteAnswer(result, duration: .now - start, transfer: client.lastTransfer)
    }

    /// Sends a GET.
    func send(_ path: String, at url: String? = nil, headers: Headers = [:]) -> SiteAnswer {
        send(.get, path, at: url, headers: headers)
    }

    /// Asks the program for a report of what arrives of a call, with a new token. Without a key the call has none.
    func ask(
        _ method: Method = .get, suffix: String = "", headers: Headers = [:], body: [UInt8] = [],
        timeout: Duration = Probe.timeout, speed: Int? = nil, inChunks: Bool = false
    ) -> SiteAnswer {
        var headers = headers
        if let key { headers[Doctor.header] = DoctorToken.make(now: WallClock.seconds, key: key) }
        return send(
            method, "/\(Doctor.route)\(suffix)", headers: headers, body: body, timeout: timeout, speed: speed,
            inChunks: inChunks)
    }
}
