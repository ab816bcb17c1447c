import CCurl
import Glibc
import System

/// The state of the callbacks of one transfer, and what libcurl does not copy. It must exist until the transfer has
/// ended.
@safe final class Transfer {
    let hop: Hop
    private let fields: UnsafeMutablePointer<curl_slist>?
    private let addresses: AddressGuard
    private let bodyLimit: Int
    private let cutsBody: Bool
    private let headerLimit: Int
    private(set) var body: [UInt8] = []
    /// When the first byte of the body came; nil: none has.
    private(set) var firstByte: Monotonic?
    private var headerLength = 0
    /// Whether an address was refused.
    private(set) var hasRefused = false
    /// Whether the response was aborted because it is too long.
    private(set) var isTooLarge = false
    /// Whether the response was aborted because the rest of its body is not wanted.
    private(set) var isCut = false

    init(_ hop: Hop, _ settings: HTTPClientSettings, addresses: AddressGuard) {
        self.hop = hop
        unsafe fields = EasyHandle.list(of: hop.request, inChunks: settings.sendsChunks)
        self.addresses = addresses
        bodyLimit = settings.bodyLimit
        cutsBody = settings.cutsBody
        headerLimit = settings.headerLimit
    }

    deinit { unsafe curl_slist_free_all(fields) }

    /// A socket for an address that is about to be connected to; `CURL_SOCKET_BAD` if the address is refused.
    private func open(_ socket: curl_sockaddr, at address: UnsafeRawPointer) -> curl_socket_t {
        guard let peer = unsafe IPAddress.ofSocket(address, length: Int(socket.addrlen)),
            addresses.permits(peer.address, port: peer.port)
        else {
            hasRefused = true
            return CURL_SOCKET_BAD
        }
        // Child processes that are started during the transfer must not inherit it.
        return Glibc.socket(socket.family, socket.socktype | Int32(SOCK_CLOEXEC.rawValue), socket.protocol)
    }

    /// Appends bytes of the body; false when they exceed the limit, which ends the transfer.
    private func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
        if firstByte == nil { firstByte = .now }
        isTooLarge = bytes.count > bodyLimit - body.count
        if isTooLarge, cutsBody {
            (isTooLarge, isCut) = (false, true)
            unsafe body.append(contentsOf: bytes.prefix(bodyLimit - body.count))
            return false
        }
        if !isTooLarge { unsafe body.append(contentsOf: bytes) }
        return !isTooLarge
    }

    /// Counts a line of the header section, which libcurl itself stores; false when the limit is exceeded.
    private func receive(headerOf length: Int) -> Bool {
        headerLength += length
        isTooLarge = headerLength > headerLimit
        return !isTooLarge
    }
}

extension Transfer {
    /// Registers this object's callbacks, its URL and its header fields with the handle.
    func attach(to easy: UnsafeMutableRawPointer) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_CURLU, UnsafeRawPointer(hop.url.handle)))
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_HTTPHEADER, fields))
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context))
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_WRITEDATA, context))
        unsafe requireSuccess(flow_set_pointer(easy, CURLOPT_HEADERDATA, context))
        unsafe requireSuccess(
            flow_set_opener(easy) { context, purpose, socket in
                guard let socket = unsafe socket, purpose == CURLSOCKTYPE_IPCXN else { return CURL_SOCKET_BAD }
                return unsafe Transfer.at(context)?.open(socket.pointee, at: flow_address(socket)) ?? CURL_SOCKET_BAD
            })
        unsafe requireSuccess(
            flow_set_receiver(easy, CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
                let bytes = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
                // A smaller count aborts the transfer.
                return unsafe Transfer.at(context)?.receive(body: bytes) == true ? count : 0
            })
        unsafe requireSuccess(
            flow_set_receiver(easy, CURLOPT_HEADERFUNCTION) { _, _, count, context in
                unsafe Transfer.at(context)?.receive(headerOf: count) == true ? count : 0
            })
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension Transfer {
    /// The error that a code of libcurl stands for.
    func error(for code: CURLcode) -> HTTPClientError {
        if isTooLarge { return .tooLarge }
        return switch code {
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT: hasRefused ? .addressRefused : .unreachable
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .tls
        case CURLE_URL_MALFORMAT: .invalidURL
        default: .interrupted
        }
    }
}
