import HTTP

/// One request to one URL, before or after redirects.
struct Hop {
    let url: URLReference
    let request: OutgoingRequest

    /// - Throws: `hostRefused` if the secret of the request must not be sent to the URL.
    init(url: URLReference, request: OutgoingRequest) throws(HTTPClientError) {
        try request.credential?.check(url)
        self.url = url
        self.request = request
    }

    /// The request to which the response redirects (RFC 9110, section 15.4); nil if the response is the final one.
    ///
    /// - Throws: `redirectRefused` for a URL that is not http or https, that contains a user, or that leaves https;
    ///   `hostRefused`.
    func redirected(by response: IncomingResponse) throws(HTTPClientError) -> Hop? {
        guard [301, 302, 303, 307, 308].contains(response.status.rawValue), let location = response.headers["Location"]
        else { return nil }
        guard let next = URLReference(location, relativeTo: url),
            url.origin.scheme == "http" || next.origin.scheme == "https"
        else { throw .redirectRefused }

        var request = request
        if becomesGet(after: response.status) {
            request.method = .get
            request.body = []
            for field in request.headers.fields where field.name.lowercased().hasPrefix("content-") {
                request.headers[field.name] = nil
            }
        }
        if next.origin != url.origin {
            request.headers["Authorization"] = nil
            request.headers["Cookie"] = nil
        }
        return try Hop(url: next, request: request)
    }

    /// 303 asks for another resource; 301 and 302 after POST are treated alike by convention. 307 and 308 repeat the
    /// request.
    private func becomesGet(after status: Status) -> Bool {
        switch status.rawValue {
        case 303: request.method != .head
        case 301, 302: request.method == .post
        default: false
        }
    }
}
