import CFastCGI

/// libfcgi's struct for one exchange at a time. The library keeps its address during a request, so it is on the heap.
@safe
final class Wire: @unchecked Sendable {
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
