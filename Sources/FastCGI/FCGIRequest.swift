import CFastCGI

/// libfcgi's struct for one exchange at a time. The library stores its address during a request, so it is on the heap.
@safe
final class FCGIRequest: @unchecked Sendable {
    // Unchecked: only the owner of the exchange uses it.
    let request: UnsafeMutablePointer<FCGX_Request>

    init() {
        unsafe request = .allocate(capacity: 1)
        unsafe FCGX_InitRequest(request, -1, FCGI_FAIL_ACCEPT_ON_INTR)
    }

    deinit {
        unsafe request.deallocate()
    }
}
