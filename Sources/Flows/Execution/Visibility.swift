package import Postgres

/// Which runs a caller may see.
package enum Visibility: Sendable, Hashable {
    case all
    /// Those that belong to the user.
    case user(String)
    /// Those of the user, or of any user if that is nil, that this API key started, and the runs that they started.
    case key(String, of: String?)

    /// The condition on `executions e`.
    package var condition: SQL {
        switch self {
        case .all: "true"
        case .user(let id): "e.user_id = \(id)"
        case .key(let key, nil): "e.started_by_key = \(key)"
        case .key(let key, let userID?): "e.started_by_key = \(key) AND e.user_id = \(userID)"
        }
    }
}
