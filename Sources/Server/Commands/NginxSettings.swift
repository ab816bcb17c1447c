import App
import HTTP
import HTTPClient

/// `nginx`: prints what nginx has to know of this program, as a file to include in its `http` block: the longest body
/// that an endpoint takes, the texts of the errors that nginx answers itself, the origins of pages that may read these,
/// and who may read `/metrics` and `/status`.
enum PrintNginxSettings {
    static func run(_ invocation: Invocation) throws {
        let configuration = invocation.configuration
        print(text(allowing: try configuration.frontendURL, operators: try configuration.metricsAllow))
    }

    static func text(allowing crossOrigin: CrossOrigin, operators: [AddressRange]) -> String {
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
        # The CORS headers of these errors, for pages of the origins in FRONTEND_URL. An empty header is not sent.
        map $http_origin $flow_cors_origin {
        \(crossOrigin.origins.map { "    \(pattern(of: $0)) $http_origin;\n" }.joined())    default "";
        }
        map $flow_cors_origin $flow_cors_credentials {
            "" "";
            default true;
        }
        map $flow_cors_origin $flow_cors_exposed {
            "" "";
            default "\(CrossOrigin.shownHeaders)";
        }
        map $status $flow_cors_vary {
            default "\(crossOrigin.origins.isEmpty ? "" : "Origin")";
        }
        # The clients in METRICS_ALLOW.
        geo $flow_operator {
        \(operators.map { "    \($0.notation) 1;\n" }.joined())    default "";
        }
        """
    }

    /// The regular expression of an origin's spellings (RFC 6454, section 5).
    private static func pattern(of origin: String) -> String {
        let escaped = origin.map { ".[]".contains($0) ? "\\\($0)" : String($0) }.joined()
        let hasPort = !origin.hasSuffix("]") && origin.dropFirst("https:".count).contains(":")
        return "\"~*^\(escaped)\(hasPort ? "" : origin.hasPrefix("https:") ? "(:443)?" : "(:80)?")$\""
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
