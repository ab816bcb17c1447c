import CCurl
import HTTP
import System

/// Stops the process when libcurl refuses an option: the installed version is too old, or memory is exhausted. Each
/// option is needed for a guarantee of this module.
func requireSuccess(_ code: CURLcode) {
    precondition(code == CURLE_OK, "libcurl refuses an option")
}

/// One `CURL` handle. It keeps connections between the transfers that it performs by itself.
@safe final class EasyHandle {
    let easy: UnsafeMutableRawPointer
    private let addresses: AddressGuard
    /// What libcurl writes when a transfer fails, with a zero at its end.
    private let message: UnsafeMutablePointer<CChar>
    private(set) var details = TransferDetails()

    init(_ addresses: AddressGuard) {
        guard Self.isStarted, let easy = unsafe curl_easy_init() else { preconditionFailure("libcurl does not start") }
        unsafe self.easy = easy
        self.addresses = addresses
        unsafe message = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(easy)
        unsafe message.deallocate()
    }

    static let isStarted = flow_start() == CURLE_OK

    /// Sends one request and waits for its response, which may be a redirect.
    func perform(
        _ hop: Hop, _ settings: HTTPClientSettings, timeLeft: Duration
    ) throws(HTTPClientError) -> IncomingResponse {
        guard timeLeft > .zero else { throw .timedOut }
        defer { reset() }
        let transfer = prepare(hop, settings, timeLeft: timeLeft)
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_ERRORBUFFER, message))
        let start = Monotonic.now
        let code = withExtendedLifetime(transfer) { unsafe curl_easy_perform(easy) }
        details = unsafe TransferDetails(
            serverAddress: String(cString: flow_server_address(easy)),
            clientAddress: String(cString: flow_client_address(easy)),
            failure: code == CURLE_OK ? nil : String(cString: message),
            firstByteTime: transfer.firstByte.map { $0 - start })
        return try response(of: transfer, after: code)
    }

    /// Sets the options of one transfer. The object that it returns must exist until `reset`.
    func prepare(_ hop: Hop, _ settings: HTTPClientSettings, timeLeft: Duration) -> Transfer {
        let transfer = Transfer(hop, settings, addresses: addresses)
        unsafe transfer.attach(to: easy)
        restrict(to: settings)
        limit(to: settings, timeLeft: timeLeft)
        setMethodAndBody(of: hop.request)
        return transfer
    }

    /// The response of a transfer that has ended.
    func response(of transfer: Transfer, after code: CURLcode) throws(HTTPClientError) -> IncomingResponse {
        guard code == CURLE_OK || transfer.isCut else { throw transfer.error(for: code) }
        return unsafe IncomingResponse(
            status: Status(rawValue: flow_status(easy)), headers: Self.headers(of: easy), body: transfer.body)
    }

    /// Whether the name of the host was looked up, in the present transfer.
    var hasAddress: Bool { unsafe flow_has_address(easy) }

    /// Resets the options, and with them the pointers to objects that live only during a transfer. Connections remain.
    func reset() { unsafe curl_easy_reset(easy) }

    private func restrict(to settings: HTTPClientSettings) {
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // Must be set: otherwise the environment decides.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_HTTP_VERSION, flow_http_1_1)
        set(CURLOPT_SSLVERSION, flow_tls_1_2)
        set(CURLOPT_SSL_VERIFYPEER, settings.verifiesCertificates ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, settings.verifiesCertificates ? 2 : 0)
        guard let authorities = settings.authorities ?? CertificateAuthorities.fileElsewhere else { return }
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
        if let speed = settings.sendSpeed {
            set(CURLOPT_MAX_SEND_SPEED_LARGE, speed)
            // A larger piece would be sent at once.
            set(CURLOPT_UPLOAD_BUFFERSIZE, 16 << 10)
        }
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
