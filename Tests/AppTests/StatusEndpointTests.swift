import HTTP
import HTTPClient
import TestSupport
import Testing

@testable import App

/// `GET /status`, for the callers who may read the metrics.
@Suite struct StatusEndpointTests {
    private let application: TestApplication
    private let forms = Recording<StatusForm>()

    init() throws {
        application = try TestApplication { [forms] in
            let allowed = [AddressRange(parsing: "127.0.0.0/8")].compactMap(\.self)
            $0.monitoringAccess = MonitoringAccess(allowing: allowed, token: nil)
            $0.status = { form in
                forms.add(form)
                return Response(status: .ok, headers: ["Content-Type": "text/plain"], body: Array("idle".utf8))
            }
        }
    }

    private func status(
        _ target: String, _ headers: [(String, String)] = [], from address: String = "127.0.0.1"
    ) -> Int {
        Int(application.reply(to: Request("GET", target, headers, from: address)).initial.status.rawValue)
    }

    @Test func theQuerySelectsTheForm() {
        for (target, isJSON, isFull) in [
            ("/status", false, false), ("/status/", false, false), ("/status?json", true, false),
            ("/status?full", false, true), ("/status?full&json=1", true, true),
        ] {
            #expect(status(target) == 200)
            #expect(forms.all.last?.isJSON == isJSON && forms.all.last?.isFull == isFull, "\(target)")
        }
    }

    @Test func aParameterHasNoLongValue() {
        #expect(status("/status?json=false&full=true") == 200)
        for target in ["/status?json=xxxxxx", "/status?full=xxxxxx"] { #expect(status(target) == 400) }
        #expect(forms.all.count == 1)
    }

    @Test(arguments: ["/status", "/status/", "/status?json"])
    func othersFindNothing(target: String) {
        #expect(status(target, [("Via", "1.1 proxy")]) == 404)
        #expect(status(target, from: "192.0.2.1") == 404)
        #expect(forms.all.isEmpty)
    }
}
