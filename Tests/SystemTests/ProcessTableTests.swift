import Glibc
import Testing

@testable import System

@Suite struct ProcessTableTests {
    @Test func showsWhatTheDescriptorsOfAProcessAre() throws {
        let file = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        let channel = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { for descriptor in [file, channel] { close(descriptor) } }
        var status = stat()
        #expect(unsafe fstat(channel, &status) == 0)

        #expect(ProcessTable.ids.contains(getpid()))
        let descriptors = ProcessTable.descriptors(of: getpid())
        #expect(descriptors[file] == "/dev/null")
        #expect(descriptors[channel] == "socket:[\(status.st_ino)]")
    }

    @Test func aProcessThatDoesNotExistHasNone() {
        #expect(ProcessTable.descriptors(of: .max).isEmpty)
    }
}
