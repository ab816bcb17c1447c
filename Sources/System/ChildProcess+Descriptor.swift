import CConfinement

extension ChildProcess {
    /// A descriptor that becomes readable when the child exits (pidfd_open(2)); the caller closes it.
    package func makeDescriptor() throws(ProcessError) -> Int32 {
        let descriptor = fm_process_descriptor(id)
        guard descriptor >= 0 else { throw ProcessError("pidfd_open") }
        return descriptor
    }
}
