import App
import HTTP
import TestSupport
import Testing

@testable import flow_manager

/// nginx answers some errors before a request reaches the program, in the same format with the same codes and messages.
@Suite struct NginxSettingsTests {
    private let text = PrintNginxSettings.text(allowing: .none, operators: [])

    /// The lines `STATUS VALUE;` of a map in the settings of nginx.
    private func map(_ variable: String) throws -> [(status: Int, value: String)] {
        let block = try #require(text.split(separator: "map $status \(variable) {").last?.split(separator: "\n}").first)
        return block.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, let status = Int(words[0]) else { return nil }
            return (status, words[1].filter { $0 != "\"" && $0 != ";" })
        }
    }

    @Test func codesAndMessagesMatchTheProblemCodes() throws {
        let messages = Dictionary(uniqueKeysWithValues: try map("$flow_problem_message").map { ($0.status, $0.value) })
        let codes = try map("$flow_problem_code")
        #expect(codes.count > 10)
        for (status, value) in codes {
            let code = try #require(ProblemCode(rawValue: value), "\(value)")
            #expect(code.status.rawValue == status, "\(value)")
            #expect(messages[status] == code.message, "\(value)")
        }
    }

    @Test func bodySizeLimitIsThatOfTheLargestEndpoint() {
        #expect(text.contains("client_max_body_size \(Routes.maximumBodyLength);"))
        #expect(Routes.maximumBodyLength >= BodyPolicy.memoryLimit)
    }

    /// A status in the `error_page` directive without a line in the map would get the code of another status.
    @Test func everyErrorStatusIsMapped() throws {
        let site = try sourceText("nginx/flow-manager.conf.template")
        let line = try #require(site.split(separator: "\n").first { $0.contains("error_page 400 ") })
        let statuses = Set(line.split(separator: " ").compactMap { Int($0) }).union([431, 502])
        #expect(statuses.count > 10)
        #expect(Set(try map("$flow_problem_code").map(\.status)) == statuses)
        #expect(Set(try map("$flow_problem_message").map(\.status)) == statuses)
    }

    @Test func originsAreMatchedInEverySpelling() throws {
        #expect(text.contains("map $http_origin $flow_cors_origin {\n    default \"\";\n}"))
        #expect(text.contains("map $status $flow_cors_vary {\n    default \"\";\n}"))
        let list = "https://App.example, http://localhost:3000,http://[::1],http://[::1]:81"
        let allowing = PrintNginxSettings.text(allowing: try #require(CrossOrigin(parsing: list)), operators: [])
        #expect(
            allowing.contains(
                #"""
                map $http_origin $flow_cors_origin {
                    "~*^https://app\.example(:443)?$" $http_origin;
                    "~*^http://localhost:3000$" $http_origin;
                    "~*^http://\[::1\](:80)?$" $http_origin;
                    "~*^http://\[::1\]:81$" $http_origin;
                    default "";
                }
                """#))
        #expect(allowing.contains("map $status $flow_cors_vary {\n    default \"Origin\";\n}"))
    }

    @Test func theAddressesOfOperatorsAreNetworks() throws {
        #expect(text.contains("geo $flow_operator {\n    default \"\";\n}"))
        let list = "127.0.0.0/8, 192.0.2.1,::1,2001:DB8::/32"
        let operators = try Configuration(environment: ["METRICS_ALLOW": list]).metricsAllow
        #expect(
            PrintNginxSettings.text(allowing: .none, operators: operators).contains(
                """
                geo $flow_operator {
                    127.0.0.0/8 1;
                    192.0.2.1/32 1;
                    0:0:0:0:0:0:0:1/128 1;
                    2001:db8:0:0:0:0:0:0/32 1;
                    default "";
                }
                """))
    }

    @Test func plainHTTPPortAnswersWithItsCode() throws {
        let site = try sourceText("nginx/flow-manager.conf.template")
        let code = ProblemCode.tlsRequired
        #expect(site.contains(#"{"message":"\#(code.message)","code":"\#(code.rawValue)""#))
    }
}
