/// A response status (RFC 9110, section 15).
package struct Status: RawRepresentable, Sendable, Hashable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let ok = Status(rawValue: 200)
    package static let created = Status(rawValue: 201)
    package static let accepted = Status(rawValue: 202)
    package static let noContent = Status(rawValue: 204)
    package static let notModified = Status(rawValue: 304)
    package static let temporaryRedirect = Status(rawValue: 307)
    package static let badRequest = Status(rawValue: 400)
    package static let unauthorized = Status(rawValue: 401)
    package static let paymentRequired = Status(rawValue: 402)
    package static let forbidden = Status(rawValue: 403)
    package static let notFound = Status(rawValue: 404)
    package static let methodNotAllowed = Status(rawValue: 405)
    package static let requestTimeout = Status(rawValue: 408)
    package static let conflict = Status(rawValue: 409)
    package static let gone = Status(rawValue: 410)
    package static let lengthRequired = Status(rawValue: 411)
    package static let preconditionFailed = Status(rawValue: 412)
    package static let contentTooLarge = Status(rawValue: 413)
    package static let uriTooLong = Status(rawValue: 414)
    package static let unsupportedMediaType = Status(rawValue: 415)
    package static let rangeNotSatisfiable = Status(rawValue: 416)
    package static let misdirectedRequest = Status(rawValue: 421)
    package static let unprocessable = Status(rawValue: 422)
    package static let tooManyRequests = Status(rawValue: 429)
    package static let headersTooLarge = Status(rawValue: 431)
    package static let internalError = Status(rawValue: 500)
    package static let notImplemented = Status(rawValue: 501)
    package static let badGateway = Status(rawValue: 502)
    package static let unavailable = Status(rawValue: 503)
    package static let gatewayTimeout = Status(rawValue: 504)
    package static let httpVersionNotSupported = Status(rawValue: 505)

    package var isSuccess: Bool { (200..<300).contains(rawValue) }

    /// The reason phrase, for people who read raw responses; empty for statuses that this program never sends.
    package var reason: String {
        switch self {
        case .ok: "OK"
        case .created: "Created"
        case .accepted: "Accepted"
        case .noContent: "No Content"
        case .notModified: "Not Modified"
        case .badRequest: "Bad Request"
        case .unauthorized: "Unauthorized"
        case .paymentRequired: "Payment Required"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .conflict: "Conflict"
        case .gone: "Gone"
        case .preconditionFailed: "Precondition Failed"
        case .contentTooLarge: "Content Too Large"
        case .unsupportedMediaType: "Unsupported Media Type"
        case .unprocessable: "Unprocessable Content"
        case .tooManyRequests: "Too Many Requests"
        case .internalError: "Internal Server Error"
        case .unavailable: "Service Unavailable"
        default: ""
        }
    }
}
