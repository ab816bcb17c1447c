import CCurl
import HTTP
import System

/// Stops the process when libcurl refuses an option: the installed version is too old, or memory is exhausted. Each
/// option is needed for a guarantee of this module.
func requireSuccess(_ code: CURLcode) {
    precondition(code == CURLE_OK, "libcurl refuses an option")
}

/// One `CURL` handle and the connections that it keeps between transfers.
@safe final class EasyHandle {
    private let easy: UnsafeMutableRawPointer
    private let addresses: AddressGuard

    init(_ addresses: AddressGuard) {
        guard Self.isStarted, let easy = unsafe curl_easy_init() else { preconditionFailure("libcurl does not start") }
        unsafe self.easy = easy
        self.addresses = addresses
    }

    deinit { unsafe curl_easy_cleanup(easy) }

    private static let isStarted = flow_start() == CURLE_OK

    /// Sends one request and waits for its response, which may be a redirect.
    func perform(
        _ hop: Hop, _ settings: HTTPClientSettings, timeLeft: Duration
    ) throws(HTTPClientError) -> IncomingResponse {
        guard timeLeft > .zero else { throw .timedOut }
        // The connections remain; the options are reset, and with them the pointers to objects that live only during
        // this call.
        defer { unsafe curl_easy_reset(easy) }
        let transfer = Transfer(settings, addresses: addresses)
        let fields = unsafe Self.list(of: hop.request)
        defer { unsafe curl_slist_free_all(fields) }

        unsafe transfer.attach(to: easy)
        restrict(to: settings)
        limit(to: settings, timeLeft: timeLeft)
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_CURLU, UnsafeRawPointer(hop.url.handle)))
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_HTTPHEADER, fields))
        setMethodAndBody(of: hop.request)

        let code = withExtendedLifetime((hop, transfer)) { unsafe curl_easy_perform(easy) }
        guard code == CURLE_OK else { throw transfer.error(for: code) }
        return unsafe IncomingResponse(
            status: Status(rawValue: flow_status(easy)), headers: Self.headers(of: easy), body: transfer.body)
    }

    private func restrict(to settings: HTTPClientSettings) {
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // Must be set: otherwise the environment decides.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_HTTP_VERSION, flow_http_1_1)
        set(CURLOPT_SSLVERSION, flow_tls_1_2)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        guard let authorities = settings.authorities else { return }
        set(CURLOPT_CAINFO, authorities)
        // Only these authorities, not those of the system in addition.
        unsafe requireSuccess(flow_set_text(easy, CURLOPT_CAPATH, nil))
    }

    private func limit(to settings: HTTPClientSettings, timeLeft: Duration) {
        // Signals affect the whole process. Without them a name lookup is abandoned after the timeout instead of
        // awaited.
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, settings.connectTimeout.timeout)
        set(CURLOPT_TIMEOUT_MS, timeLeft.timeout)
        set(CURLOPT_LOW_SPEED_LIMIT, 10)
        set(CURLOPT_LOW_SPEED_TIME, min(max(1, Int(settings.stallTimeout.components.seconds)), 65_535))
    }

    private func setMethodAndBody(of request: OutgoingRequest) {
        set(CURLOPT_FRESH_CONNECT, request.isRepeatable ? 0 : 1)
        if request.method == .head {
            set(CURLOPT_NOBODY, 1)
        } else {
            request.hasBody ? setBody(request.body) : set(CURLOPT_HTTPGET, 1)
            set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        }
    }

    private func setBody(_ body: [UInt8]) {
        unsafe body.withUnsafeBytes { body in
            unsafe requireSuccess(flow_set_body(easy, body.baseAddress, body.count))
        }
    }

    private func set(_ option: CURLoption, _ value: Int) {
        unsafe requireSuccess(flow_set_number(easy, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) {
        unsafe requireSuccess(flow_set_text(easy, option, value))
    }
}

extension Duration {
    /// In the range of libcurl's timeouts: 0 would mean no limit, and larger values are refused.
    fileprivate var timeout: Int { max(1, Int(min(self, .seconds(1_000_000)).milliseconds)) }
}
