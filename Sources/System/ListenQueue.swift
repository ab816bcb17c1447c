import CSystem
import Glibc

/// The connections to a listening socket that wait to be accepted, as `ss -l` shows them.
package struct ListenQueue: Hashable, Sendable {
    package let length: Int
    /// The backlog. A unix socket queues one connection more than that.
    package let limit: Int
    /// The file of a unix socket; nil without one.
    package let file: SocketFile?

    package init(length: Int, limit: Int, file: SocketFile? = nil) {
        self.length = length
        self.limit = limit
        self.file = file
    }

    /// The queue of a unix or TCP socket; nil if it does not listen, or the kernel does not tell.
    package init?(of descriptor: Int32) {
        var family: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 else { return nil }
        switch family {
        case AF_UNIX:
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { return nil }
            self.init(ofUnixSocket: UInt64(status.st_ino))
        case AF_INET, AF_INET6:
            self.init(ofTCPSocket: descriptor)
        default:
            return nil
        }
    }

    /// The queue of the unix socket with that inode, of any process of this network namespace.
    package init?(ofUnixSocket inode: UInt64) {
        var queue = fm_listen_queue()
        guard let inode = UInt32(exactly: inode), unsafe fm_unix_listen_queue(inode, &queue) == 0 else { return nil }
        let file = SocketFile(device: queue.device, inode: queue.inode)
        self.init(length: Int(queue.length), limit: Int(queue.limit), file: queue.inode == 0 ? nil : file)
    }

    /// The kernel reports the queue of a listening socket in two fields that it has no other use for (TCP_INFO,
    /// tcp(7)).
    private init?(ofTCPSocket descriptor: Int32) {
        var info = tcp_info()
        var size = socklen_t(MemoryLayout<tcp_info>.size)
        guard unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &size) == 0,
            Int32(info.tcpi_state) == Int32(FM_LISTENING)
        else { return nil }
        self.init(length: Int(info.tcpi_unacked), limit: Int(info.tcpi_sacked))
    }
}
