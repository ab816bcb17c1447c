import SharedMemory

extension SharedMemory {
    /// The supervisor's shared memory; this process's own if there is no supervisor or its layout version differs.
    static func ofPool(_ environment: [String: String], _ observe: Observer) throws -> SharedMemory {
        if let descriptor = environment[Serve.memoryVariable].flatMap({ Int32($0) }) {
            do {
                return try SharedMemory(adopting: descriptor)
            } catch {
                observe(.sharedMemoryRefused(error))
            }
        }
        return try SharedMemory()
    }
}
