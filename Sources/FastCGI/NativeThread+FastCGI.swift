import System

extension NativeThread {
    /// Starts a thread. A failure is thrown as an error of this module.
    static func start(_ body: @escaping @Sendable () -> Void) throws(FastCGIError) -> NativeThread {
        do {
            return try NativeThread(body)
        } catch {
            throw .system(call: error.call.description, code: error.code)
        }
    }
}
