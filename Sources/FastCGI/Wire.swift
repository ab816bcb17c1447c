import CFastCGI

/// libfcgi's struct for one exchange at a time. The library keeps its address while a request lasts, so it is on the heap.
@safe
final class Wire: @unchecked Sendable {
    // Unchecked: it is used by whoever has the one exchange on it.
    let request: UnsafeMutablePointer<FCGX_Request>

    init() {
        unsafe request = .allocate(capacity: 1)
        unsafe FCGX_InitRequest(request, -1, FCGI_FAIL_ACCEPT_ON_INTR)
    }

    deinit {
        unsafe request.deallocate()
    }
}
