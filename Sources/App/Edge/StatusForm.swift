/// The form in which `GET /status` shows the pool.
package struct StatusForm: Sendable {
    package let isJSON: Bool
    /// With the threads of each process.
    package let isFull: Bool
}
