import System

extension NativeThread {
    /// A thread whose failure to start is told as everything else in this room is.
    static func start(_ body: @escaping @Sendable () -> Void) throws(FastCGIError) -> NativeThread {
        do {
            return try NativeThread(body)
        } catch {
            throw .system(call: error.call.description, code: error.code)
        }
    }
}
