package import JSON

/// One HTTP response.
package struct Response: Sendable {
    package var status: Status
    package var headers: Headers
    package var body: ResponseBody

    package init(status: Status, headers: Headers = [:], body: [UInt8] = []) {
        self.init(status: status, headers: headers, body: .bytes(body))
    }

    package init(status: Status, headers: Headers = [:], body: ResponseBody) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON body with its content type.
    package static func json(_ value: JSON, status: Status = .ok, headers: Headers = [:]) -> Response {
        json(JSONText(value), status: status, headers: headers)
    }

    package static func json(_ text: JSONText, status: Status = .ok, headers: Headers = [:]) -> Response {
        var response = Response(status: status, headers: headers, body: text.bytes)
        response.headers.append(name: "Content-Type", value: "application/json; charset=utf-8")
        return response
    }

    /// 201 with the address of the new resource (RFC 9110, section 15.3.2).
    package static func created(_ value: JSON, at location: String, headers: Headers = [:]) -> Response {
        var response = Response.json(value, status: .created, headers: headers)
        response.headers.append(name: "Location", value: location)
        return response
    }

    package static let noContent = Response(status: .noContent)
}
