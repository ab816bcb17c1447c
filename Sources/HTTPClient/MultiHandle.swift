import CCurl
import Glibc

/// One `CURLM` handle: it performs the transfers of many easy handles on one thread, and keeps their connections.
@safe final class MultiHandle {
    private let multi: UnsafeMutableRawPointer

    init() {
        guard EasyHandle.isStarted, let multi = unsafe curl_multi_init() else {
            preconditionFailure("libcurl does not start")
        }
        unsafe self.multi = multi
    }

    /// All easy handles must have been removed.
    deinit { unsafe curl_multi_cleanup(multi) }

    func add(_ handle: EasyHandle) { unsafe Self.require(curl_multi_add_handle(multi, handle.easy)) }

    /// Aborts the transfer of the handle, if it has not ended.
    func remove(_ handle: EasyHandle) { unsafe Self.require(curl_multi_remove_handle(multi, handle.easy)) }

    /// Sends and receives what is possible at once; returns the transfers that have ended, by their easy handles.
    func perform() -> [(easy: UInt, code: CURLcode)] {
        var count: Int32 = 0
        unsafe Self.require(curl_multi_perform(multi, &count))
        var ended: [(easy: UInt, code: CURLcode)] = []
        while let message = unsafe curl_multi_info_read(multi, &count) {
            guard unsafe message.pointee.msg == CURLMSG_DONE else { continue }
            unsafe ended.append((UInt(bitPattern: message.pointee.easy_handle), message.pointee.data.result))
        }
        return ended
    }

    /// Waits until a transfer can go on or has timed out, or one of the descriptors is readable; returns those that
    /// are.
    func wait(for descriptors: [Int32]) -> [Int32] {
        var entries = descriptors.map {
            curl_waitfd(fd: $0, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        }
        var count: Int32 = 0
        // libcurl waits for less if a transfer times out before.
        unsafe Self.require(curl_multi_poll(multi, &entries, UInt32(entries.count), 60_000, &count))
        return entries.filter { $0.revents != 0 }.map(\.fd)
    }

    private static func require(_ code: CURLMcode) {
        precondition(code == CURLM_OK, "libcurl cannot perform several transfers")
    }
}

extension EasyHandle {
    /// The handle in the results of `MultiHandle.perform`.
    var number: UInt { unsafe UInt(bitPattern: easy) }
}
