import JSON
import Synchronization

/// The actions of AWS Secrets Manager that the program uses, in memory, on the loopback address.
package final class FakeSecrets: Sendable {
    private struct State {
        var values: [String: String] = [:]
        var undeletable: Set<String> = []
        var isSilent = false
    }

    private final class Store: Sendable {
        let state = Mutex(State())
    }

    private let store: Store
    private let server: LoopbackServer

    package var url: String { server.url }
    /// The actions that were asked for.
    package var actions: [String] { server.requests.map(FakeSecrets.action) }
    /// The names of the secrets that exist.
    package var names: [String] { store.state.withLock { $0.values.keys.sorted() } }

    package init() throws {
        let store = Store()
        self.store = store
        server = try LoopbackServer { request in FakeSecrets.answer(to: request, store) }
    }

    package func refuseToDelete(_ name: String) {
        store.state.withLock { _ = $0.undeletable.insert(name) }
    }

    /// Whether requests are accepted and not answered.
    package func setSilent(_ isSilent: Bool) { store.state.withLock { $0.isSilent = isSilent } }

    private static func action(_ request: LoopbackServer.Request) -> String {
        request.fields["x-amz-target"]?.split(separator: ".").last.map(String.init) ?? ""
    }

    private static func answer(to request: LoopbackServer.Request, _ store: Store) -> LoopbackServer.Answer {
        guard request.fields["authorization"]?.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") == true else {
            return error("AccessDeniedException")
        }
        let input = (try? JSON(parsing: Array(request.body.utf8))) ?? .null
        let name = (input["SecretId"] ?? input["Name"])?.stringValue ?? ""
        return store.state.withLock { state in
            if state.isSilent { return .trickle("HTTP/1.1 200 OK\r\nX: ") }
            switch (action(request), state.values[name]) {
            case ("CreateSecret", .some): return error("ResourceExistsException")
            case ("CreateSecret", .none): state.values[name] = input["SecretString"]?.stringValue
            case (_, .none): return error("ResourceNotFoundException")
            case ("PutSecretValue", _): state.values[name] = input["SecretString"]?.stringValue
            case ("DeleteSecret", _):
                guard !state.undeletable.contains(name) else { return error("AccessDeniedException") }
                state.values[name] = nil
            case (_, let value?): return .ok((["SecretString": .string(value)] as JSON).text)
            }
            return .ok("{}")
        }
    }

    private static func error(_ type: String) -> LoopbackServer.Answer {
        let body = "{\"__type\":\"\(type)\"}"
        return .bytes("HTTP/1.1 400 No\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
}
