import Glibc
import Testing

@testable import System

/// Real sockets, which accept nothing until the test does.
struct ListenQueueTests {
    @Test func countsTheConnectionsThatWaitAtAUnixSocket() throws {
        let listener = try Socket(AF_UNIX)
        var address = listener.abstractAddress()
        try listener.listen(at: &address, backlog: 3)
        #expect(ListenQueue(of: listener.descriptor) == ListenQueue(length: 0, limit: 3))

        let clients = try (0..<4).map { _ in try Socket(AF_UNIX) }
        for client in clients { #expect(client.connect(to: &address)) }
        #expect(ListenQueue(of: listener.descriptor) == ListenQueue(length: 4, limit: 3))
        #expect(try !Socket(AF_UNIX).connect(to: &address), "the queue is full")

        close(accept(listener.descriptor, nil, nil))
        #expect(ListenQueue(of: listener.descriptor) == ListenQueue(length: 3, limit: 3))
        withExtendedLifetime(clients) {}
    }

    /// By its file system and its inode there, also through a link.
    @Test(arguments: ["/tmp", "/dev/shm"]) func namesTheFileOfAUnixSocket(folder: String) throws {
        let path = "\(folder)/listen-queue-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        let listener = try Socket(AF_UNIX)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        try listener.listen(at: &address, backlog: 1)
        defer { unsafe unlink(path) }
        let file = try #require(SocketFile(at: path))
        #expect(ListenQueue(of: listener.descriptor)?.file == file)
        try #require(unsafe symlink(path, path + ".link") == 0)
        defer { unsafe unlink(path + ".link") }
        #expect(SocketFile(at: path + ".link") == file)
        #expect(file != SocketFile(device: file.device + 1, inode: file.inode))
    }

    @Test func filesOfSeveralFileSystemsDiffer() throws {
        let files = try ["/proc", "/dev/shm", "/"].map { try #require(SocketFile(at: $0)) }
        #expect(Set(files.map(\.device)).count == 3)
        #expect(SocketFile(at: "/none") == nil)
    }

    @Test func countsTheConnectionsThatWaitAtATCPSocket() throws {
        let listener = try Socket(AF_INET)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try listener.listen(at: &address, backlog: 5)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(listener.descriptor, $0, &size)
            }
        }
        #expect(ListenQueue(of: listener.descriptor) == ListenQueue(length: 0, limit: 5))

        let clients = try (0..<2).map { _ in try Socket(AF_INET) }
        for client in clients { #expect(client.connect(to: &address)) }
        #expect(ListenQueue(of: listener.descriptor) == ListenQueue(length: 2, limit: 5))
        withExtendedLifetime(clients) {}
    }

    @Test(arguments: [AF_UNIX, AF_INET])
    func thereIsNoneOfASocketThatDoesNotListen(_ family: Int32) throws {
        #expect(try ListenQueue(of: Socket(family).descriptor) == nil)
    }

    @Test func thereIsNoneOfAFile() {
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(ListenQueue(of: file) == nil)
        #expect(ListenQueue(of: -1) == nil)
    }

    @Test func thereIsNoneOfAnInodeWithoutSocket() {
        #expect(ListenQueue(ofUnixSocket: 1) == nil)
        #expect(ListenQueue(ofUnixSocket: .max) == nil)
    }
}

/// A stream socket that is closed with this object.
private final class Socket {
    let descriptor: Int32

    init(_ family: Int32) throws {
        let type = Int32(
            SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (family == AF_UNIX ? SOCK_NONBLOCK.rawValue : 0))
        descriptor = socket(family, type, 0)
        try #require(descriptor >= 0)
    }

    deinit { close(descriptor) }

    /// A name that only this socket has, in the abstract namespace (unix(7)).
    func abstractAddress() -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            unsafe path.dropFirst().copyBytes(from: "flow-manager-test-\(getpid())-\(descriptor)".utf8)
        }
        return address
    }

    func listen<Address>(at address: inout Address, backlog: Int32) throws {
        let result = unsafe Socket.withAddress(&address) { unsafe bind(descriptor, $0, $1) }
        try #require(result == 0)
        try #require(Glibc.listen(descriptor, backlog) == 0)
    }

    /// False if the queue is full.
    func connect<Address>(to address: inout Address) -> Bool {
        unsafe Socket.withAddress(&address) { unsafe Glibc.connect(descriptor, $0, $1) } == 0
    }

    private static func withAddress<Address>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
