import HTTP
import Postgres

@testable import App

extension Application {
    /// The response to one request with this body; of a call that would wait, the one that it gets if it cannot.
    func response(to request: Request, body: [UInt8] = [], over connection: Connection) -> Response {
        reply(
            to: request,
            readingBody: { policy throws(Rejection) in
                guard body.count <= policy.limit else { throw .bodyTooLarge(limit: policy.limit) }
                return policy == .none ? .empty : .bytes(body)
            }, over: connection
        ).initial
    }
}
