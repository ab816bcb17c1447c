import Glibc
import System
import Testing

@Suite struct SignalDescriptorTests {
    /// The signal is sent only to this thread, so that other tests are not affected.
    @Test func aSignalBecomesReadable() throws {
        var old = sigset_t()
        unsafe pthread_sigmask(SIG_BLOCK, nil, &old)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &old, nil) }
        let signals = try SignalDescriptor([.user1])
        #expect(signals.next() == nil)
        #expect(readable(among: [signals.descriptor], until: .now).isEmpty)
        pthread_kill(pthread_self(), SIGUSR1)
        #expect(readable(among: [signals.descriptor], until: nil) == [signals.descriptor])
        #expect(signals.next() == .user1)
        #expect(signals.next() == nil)
    }
}
