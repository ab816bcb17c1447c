import System

extension NativeThread {
    /// Starts a thread. A failure is thrown as an error of this module.
    static func start(_ body: @escaping @Sendable () -> Void) throws(FastCGIError) -> NativeThread {
        do {
            return try NativeThread(body)
        } catch {
            throw FastCGIError(error)
        }
    }
}

extension WakeUp {
    /// A failure is thrown as an error of this module.
    static func make() throws(FastCGIError) -> WakeUp {
        do {
            return try WakeUp()
        } catch {
            throw FastCGIError(error)
        }
    }
}

extension FastCGIError {
    fileprivate init(_ error: ProcessError) {
        self = .system(call: error.call.description, code: error.code)
    }
}
