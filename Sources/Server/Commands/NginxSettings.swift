import App
import HTTP

/// `nginx`: prints what nginx has to know of this program, as a file to include in its `http` block: the longest body
/// that an endpoint takes, and the texts of the errors that nginx answers itself.
enum PrintNginxSettings {
    static func run(_ invocation: Invocation) throws { print(text) }

    static var text: String {
        """
        # Made by `flow-manager nginx`.
        client_max_body_size \(Routes.maximumBodyLength);
        # The texts of nginx' own errors, in the one shape that every error has.
        map $status $flow_problem_code {
        \(lines { $0.rawValue })
        }
        map $status $flow_problem_message {
        \(lines { "\"\($0.message)\"" })
        }
        """
    }

    private static func lines(_ value: (ProblemCode) -> String) -> String {
        let lines = ProblemCode.webServer.map { "    \($0.status.rawValue) \(value($0));" }
        return (lines + ["    default \(value(.badRequest));"]).joined(separator: "\n")
    }
}

extension ProblemCode {
    /// The errors that a web server answers before a request reaches the program: one for each status.
    static let webServer: [ProblemCode] = [
        .badRequest, .forbidden, .notFound, .methodNotAllowed, .requestTimeout, .lengthRequired, .versionMismatch,
        .contentTooLarge, .uriTooLong, .unsupportedMediaType, .rangeNotSatisfiable, .misdirectedRequest, .rateLimited,
        .headersTooLarge, .internalError, .notImplemented, .badGateway, .unavailable, .gatewayTimeout,
        .httpVersionNotSupported,
    ]
}
