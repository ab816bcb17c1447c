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

extension Bell {
    /// A failure is thrown as an error of this module.
    static func make() throws(FastCGIError) -> Bell {
        do {
            return try Bell()
        } catch {
            throw .system(call: error.call.description, code: error.code)
        }
    }
}
