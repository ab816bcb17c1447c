import CCurl

/// An absolute http or https URL, parsed by libcurl and passed to it in parsed form: what is checked is what is used.
@safe package final class URLReference {
    let handle: OpaquePointer
    let origin: Origin

    /// What two URLs must have in common before credentials for one are sent to the other (RFC 6454, section 4).
    struct Origin: Equatable {
        let scheme: String
        let host: String
        let port: String

        /// Nil if the host is a name.
        var address: IPAddress? {
            IPAddress(parsing: host.hasPrefix("[") ? host.dropFirst().dropLast() : host[...])
        }
    }

    /// Parses `text`, which may be a relative reference if there is a base (RFC 3986, section 5).
    /// - Returns: nil unless it is an http or https URL with a host in ASCII, a port from 1 to 65535 and no user
    ///   information. A domain name in other characters is written as its A-label (RFC 5890, section 2.3.2.1).
    init?(_ text: String, relativeTo base: URLReference? = nil) {
        guard let handle = unsafe base.map({ unsafe curl_url_dup($0.handle) }) ?? curl_url() else { return nil }
        guard !text.utf8.contains(0),
            unsafe curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_DISALLOW_USER | CURLU_URLENCODE))
                == CURLUE_OK,
            let origin = unsafe Self.origin(of: handle)
        else {
            unsafe curl_url_cleanup(handle)
            return nil
        }
        unsafe self.handle = handle
        self.origin = origin
    }

    deinit { unsafe curl_url_cleanup(handle) }

    /// Whether it is an http or https URL with a host in ASCII, a port from 1 to 65535 and no user information.
    package static func isValid(_ text: String) -> Bool { URLReference(text) != nil }

    private static func origin(of handle: OpaquePointer) -> Origin? {
        guard unsafe part(CURLUPART_USER, of: handle) == nil, unsafe part(CURLUPART_PASSWORD, of: handle) == nil,
            let scheme = unsafe part(CURLUPART_SCHEME, of: handle), scheme == "http" || scheme == "https",
            let host = unsafe part(CURLUPART_HOST, of: handle), !host.isEmpty, host.utf8.allSatisfy({ $0 < 0x80 }),
            let port = unsafe part(CURLUPART_PORT, of: handle), port != "0"
        else { return nil }
        return Origin(scheme: scheme, host: host.lowercased(), port: port)
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_url_get(handle, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK,
            let text = unsafe text
        else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }
}
