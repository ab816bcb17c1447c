import CFastCGI
import Glibc
import HTTP
import System

/// The CGI variables of one request (RFC 3875, section 4.1), copied and parsed once.
///
/// If a single-valued variable occurs twice, the last value counts, as in a web server's configuration. A header that
/// occurs twice remains two fields: the reader of the header decides which one counts.
struct Params {
    /// `CONTENT_LENGTH`, if the web server knows it.
    private(set) var contentLength: Int?
    /// Whether something was left out because it is invalid: control characters, a header's name, a length, or a
    /// variable that is not UTF-8 and no header.
    private(set) var isMalformed = false
    /// Whether `FLOW_GATE` held the secret.
    private(set) var hasPassedGate = false

    /// `CALL_ID`, by which the web server's repetition of a call is recognized: the first 16 hexadecimal digits.
    private(set) var callID: UInt64?

    private var method = ""
    private var target = ""
    private var headers = Headers()
    private var remoteAddress = ""
    private var id = ""
    private var queuedAt: Int64?
    private var isSecure = false
    private var webServer: WebServer?
    private let gate: [UInt8]?
    private var redirectedAuthorization: String?

    /// The number of headers in an ordinary request, so that their array is allocated once.
    private static let usualHeaderCount = 16

    init(gate: [UInt8]? = nil) {
        self.gate = gate
    }

    /// Reads an array of "NAME=value" strings that ends with a null pointer.
    init(_ entries: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, gate: [UInt8]?) {
        self.gate = gate
        headers.reserveCapacity(Self.usualHeaderCount)
        guard var next = unsafe entries else { return }
        while let entry = unsafe next.pointee {
            let bytes = unsafe UnsafeBufferPointer(
                start: UnsafeRawPointer(entry).assumingMemoryBound(to: UInt8.self), count: strlen(entry))
            unsafe add(bytes.span)
            unsafe next += 1
        }
        finish()
    }

    /// Adds one "NAME=value".
    mutating func add(_ entry: Span<UInt8>) {
        guard let separator = entry.firstIndex(of: UInt8(ascii: "=")) else { return }
        let name = entry.extracting(..<separator)
        let value = entry.extracting((separator + 1)...)

        if name.starts(with: "HTTP_") {
            addHeader(name.extracting(5...), value)
        } else if name.equals("REQUEST_METHOD") {
            method = text(value)
        } else if name.equals("REQUEST_URI") {
            target = text(value)
        } else if name.equals("REMOTE_ADDR") {
            remoteAddress = text(value)
        } else if name.equals("REQUEST_ID") {
            id = text(value)
        } else if name.equals("HTTPS") {
            isSecure = value.equals("on")
        } else if name.equals("CONTENT_TYPE") {
            if !value.isEmpty { headers.append(name: "content-type", value: text(value, isOpaque: true)) }
        } else if name.equals("CONTENT_LENGTH") {
            if !value.isEmpty { contentLength = length(value) }
        } else if name.equals("FLOW_GATE") {
            hasPassedGate = gate.map { constantTimeEquals(value, $0.span) } ?? false
        } else if name.equals("CALL_ID") {
            callID = UInt64(text(value).prefix(16), radix: 16)
        } else if name.equals("QUEUE_START") {
            queuedAt = milliseconds(value)
        } else if name.equals("SERVER_SOFTWARE") {
            webServer = server(value)
        } else if name.equals("REDIRECT_HTTP_AUTHORIZATION") {
            redirectedAuthorization = value.isEmpty ? nil : text(value, isOpaque: true)
        }
    }

    /// Must be called after the last variable was added.
    mutating func finish() {
        // Apache passes the header under this name when a rewrite rule had to preserve it.
        if let value = redirectedAuthorization, headers.count(of: "authorization") == 0 {
            headers.append(name: "authorization", value: value)
        }
    }

    /// The request that the variables describe.
    var request: Request {
        Request(
            method: method, target: target, headers: headers, remoteAddress: remoteAddress, id: id,
            queuedAt: queuedAt, isSecure: isSecure, webServer: webServer, hasPassedGate: hasPassedGate,
            isMalformed: isMalformed)
    }

    private mutating func addHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        // CONTENT_TYPE and CONTENT_LENGTH have variables of their own. "Proxy" must never look like the variable
        // HTTP_PROXY, which libraries read.
        if name.equals("CONTENT_TYPE") || name.equals("CONTENT_LENGTH") || name.equals("PROXY") { return }
        // A rewrite rule of Apache passes a missing header as an empty one.
        if value.isEmpty, name.equals("AUTHORIZATION") { return }
        guard let name = headerName(name) else {
            isMalformed = true
            return
        }
        headers.append(name: name, value: text(value, isOpaque: true))
    }

    /// Converts "X_REQUEST_ID" to "x-request-id"; nil if a byte is not allowed in a header name.
    private func headerName(_ name: Span<UInt8>) -> String? {
        var isValid = !name.isEmpty
        let text = unsafe String(unsafeUninitializedCapacity: name.count) { buffer in
            for index in name.indices {
                switch name[index] {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): unsafe buffer[index] = name[index] | 0x20
                case UInt8(ascii: "_"): unsafe buffer[index] = UInt8(ascii: "-")
                case let byte where byte > 0x20 && byte < 0x7F: unsafe buffer[index] = byte
                default:
                    isValid = false
                    unsafe buffer[index] = UInt8(ascii: "?")
                }
            }
            return name.count
        }
        return isValid ? text : nil
    }

    /// The value as text without control characters.
    ///
    /// - Parameter isOpaque: whether bytes that are not UTF-8 become U+FFFD instead of making the request malformed.
    ///   The value of a header may be any bytes (RFC 9110, section 5.5), which its reader judges.
    private mutating func text(_ value: Span<UInt8>, isOpaque: Bool = false) -> String {
        if value.isPrintableASCII { return String(copying: unsafe UTF8Span(unchecked: value, isKnownASCII: true)) }
        let isUTF8 = (try? UTF8Span(validating: value)) != nil
        guard !value.holdsControls, isUTF8 || isOpaque else {
            isMalformed = true
            return ""
        }
        return unsafe value.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    private func server(_ software: Span<UInt8>) -> WebServer? {
        if software.starts(with: "nginx") { return .nginx }
        if software.starts(with: "Apache") { return .apache }
        if software.starts(with: "lighttpd") { return .lighttpd }
        return software.starts(with: "Caddy") ? .caddy : nil
    }

    /// The time in seconds with three decimal places, as nginx writes `$msec`; nil in any other form.
    private func milliseconds(_ value: Span<UInt8>) -> Int64? {
        guard (5...16).contains(value.count) else { return nil }
        var time: Int64 = 0
        for index in value.indices {
            if index == value.count - 4 {
                guard value[index] == UInt8(ascii: ".") else { return nil }
                continue
            }
            let digit = value[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            time = time * 10 + Int64(digit)
        }
        return time
    }

    /// Nil also for -1, which Caddy sends for a body of unknown length.
    private mutating func length(_ value: Span<UInt8>) -> Int? {
        if value.equals("-1") { return nil }
        var length = 0
        for index in value.indices {
            let digit = value[index] &- UInt8(ascii: "0")
            guard digit < 10, index < 18 else {
                isMalformed = true
                return nil
            }
            length = length * 10 + Int(digit)
        }
        return length
    }
}

extension Span<UInt8> {
    fileprivate func firstIndex(of byte: UInt8) -> Int? {
        unsafe withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, let found = unsafe memchr(start, Int32(byte), bytes.count) else {
                return nil
            }
            return unsafe UnsafeRawPointer(found) - start
        }
    }

    fileprivate func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && starts(with: text)
    }

    fileprivate func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        return unsafe withUnsafeBytes {
            unsafe memcmp($0.baseAddress ?? UnsafeRawPointer(text.utf8Start), text.utf8Start, text.utf8CodeUnitCount)
                == 0
        }
    }
}
