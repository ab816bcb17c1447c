import CCurl
import HTTP

extension EasyHandle {
    /// The header fields of the last response.
    static func headers(of easy: UnsafeMutableRawPointer) -> Headers {
        var headers: Headers = [:]
        var field = unsafe curl_easy_nextheader(easy, UInt32(CURLH_HEADER), -1, nil)
        while let current = unsafe field {
            unsafe headers.append(
                name: String(cString: current.pointee.name), value: String(cString: current.pointee.value))
            unsafe field = curl_easy_nextheader(easy, UInt32(CURLH_HEADER), -1, current)
        }
        return headers
    }

    /// The header lines that libcurl adds to its own; the caller frees the list.
    static func list(of request: OutgoingRequest, inChunks: Bool) -> UnsafeMutablePointer<curl_slist>? {
        // A name without a value removes libcurl's own field: otherwise it would wait for permission to send a large
        // body, and declare any body a form.
        var lines = ["Expect:"]
        if inChunks, request.hasBody { lines.append("Transfer-Encoding: chunked") }
        if request.headers["Content-Type"] == nil { lines.append("Content-Type:") }
        for field in request.headers.fields {
            let hasValue = field.value.contains { $0 != " " && $0 != "\t" }
            lines.append(hasValue ? "\(field.name): \(field.value)" : "\(field.name);")
        }
        if let credential = request.credential { lines.append("\(credential.field): \(credential.value)") }
        return unsafe lines.reduce(nil) { list, line in
            guard let list = unsafe curl_slist_append(list, line) else { preconditionFailure("out of memory") }
            return unsafe list
        }
    }
}
