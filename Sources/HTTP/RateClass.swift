/// Which limit applies to the calls of an endpoint. Endpoints of one class share it: a caller has one count for each.
package enum RateClass: String, Sendable, CaseIterable {
    /// Attempts with a wrong secret are limited, not calls.
    case login
    /// New accounts are limited for each network address, and so is what reveals whether a name is taken.
    case register
    case read
    case write
    /// Calls that start or continue a run.
    case run
    /// Calls that generate an array.
    case array
    /// Calls of a hook, which are counted for each hook.
    case hook
    /// Only the web server limits them.
    case unlimited

    /// Whether each call counts toward a limit of the class.
    package var countsCalls: Bool {
        switch self {
        case .read, .write, .run, .array, .hook: true
        case .login, .register, .unlimited: false
        }
    }

    /// Whether the handler counts its calls, because only it knows of what they are calls.
    package var isCountedByHandler: Bool { self == .hook }

    /// The class of an endpoint that names none.
    init(defaultFor method: Method, _ scope: Scope) {
        self = method == .get ? .read : scope == .run ? .run : .write
    }
}
