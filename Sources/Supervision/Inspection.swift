package import Glibc

/// What an inspection of the pool has found.
package struct Inspection: Sendable {
    /// A listening socket that takes the place of the present one; the supervisor owns it from then on.
    package var socket: Int32?
    /// Another supervisor serves the installation: this one drains and ends.
    package var mustEnd = false
    package var children: [pid_t: ChildFigures] = [:]

    package init() {}
}

/// What is known of the work of one child.
package struct ChildFigures: Sendable {
    /// How many requests it has answered.
    package var requests = 0
    /// The request that has occupied one of its threads for longest; nil if all threads are idle.
    package var longestRequest: LongRequest?

    package init(requests: Int = 0, longestRequest: LongRequest? = nil) {
        self.requests = requests
        self.longestRequest = longestRequest
    }
}

/// A request that occupies a thread.
package struct LongRequest: Hashable, Sendable {
    /// The method and the pattern of the path, as `POST /flow-manager`; nil if the endpoint is not known.
    package let endpoint: String?
    package let duration: Duration

    package init(endpoint: String?, duration: Duration) {
        self.endpoint = endpoint
        self.duration = duration
    }
}

/// Why a child that serves is replaced.
package enum ReplacementReason: Hashable, Sendable {
    /// It has grown to that many bytes.
    case memory(bytes: Int)
    /// It has answered that many requests.
    case requests(Int)
    /// A thread cannot be ended: a request has occupied one for too long.
    case request(LongRequest)
}
