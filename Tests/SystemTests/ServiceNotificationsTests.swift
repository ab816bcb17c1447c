import Glibc
import System
import Testing

@Suite struct ServiceNotificationsTests {
    /// A socket as systemd has it, bound to that address; `@` begins an abstract one.
    private func bound(to path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = path.hasPrefix("@") ? [0] + Array(path.utf8.dropFirst()) : Array(path.utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 0) + socklen_t(bytes.count)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, length)
            }
        }
        #expect(result == 0)
        return descriptor
    }

    private func received(by descriptor: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    @Test(arguments: ["/tmp/notifications-\(getpid())", "@notifications-\(getpid())"])
    func eachStateIsOneDatagram(path: String) throws {
        let manager = bound(to: path)
        defer {
            close(manager)
            unsafe unlink(path)
        }
        let notifications = try #require(ServiceNotifications(environment: ["NOTIFY_SOCKET": path]))
        notifications.send(.ready)
        notifications.send(.stopping)
        #expect(received(by: manager) == "READY=1")
        #expect(received(by: manager) == "STOPPING=1")
        #expect(received(by: manager) == nil)
    }

    @Test func nothingIsSentUnlessAsked() {
        #expect(ServiceNotifications(environment: [:]) == nil)
        #expect(ServiceNotifications(environment: ["NOTIFY_SOCKET": ""]) == nil)
        // Refused addresses have no effect.
        for path in ["/nonexistent/socket", String(repeating: "a", count: 200)] {
            ServiceNotifications(environment: ["NOTIFY_SOCKET": path])?.send(.ready)
        }
    }
}
