/// Where a pool records the calls that must not be executed twice, because the web server repeats a call if its
/// connection breaks. The record must outlive the process.
package struct CallRegister: Sendable {
    let begin: @Sendable (_ id: UInt64) -> Bool
    let end: @Sendable (_ id: UInt64) -> Void

    /// - Parameters:
    ///   - begin: false if a process has begun this call before.
    ///   - end: called when the call was answered, or its answer is not wanted any more.
    package init(begin: @escaping @Sendable (UInt64) -> Bool, end: @escaping @Sendable (UInt64) -> Void) {
        self.begin = begin
        self.end = end
    }
}
