import Glibc

/// A signal by its number (signal(7)).
package struct Signal: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let brokenPipe = Signal(rawValue: SIGPIPE)
    package static let child = Signal(rawValue: SIGCHLD)
    package static let hangUp = Signal(rawValue: SIGHUP)
    package static let interrupt = Signal(rawValue: SIGINT)
    package static let kill = Signal(rawValue: SIGKILL)
    package static let quit = Signal(rawValue: SIGQUIT)
    package static let terminate = Signal(rawValue: SIGTERM)
    package static let user1 = Signal(rawValue: SIGUSR1)
}

extension sigset_t {
    static let none: sigset_t = {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        return set
    }()

    static let all: sigset_t = {
        var set = sigset_t()
        unsafe sigfillset(&set)
        return set
    }()

    init(_ signals: [Signal]) {
        self = .none
        for signal in signals { unsafe sigaddset(&self, signal.rawValue) }
    }
}
