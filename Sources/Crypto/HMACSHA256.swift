import CCrypto
import Synchronization
import System

/// A key for HMAC with SHA-256 (RFC 2104), prepared once and safe to use from any thread.
///
/// Only libcrypto holds the key bytes, and wipes them when this object is released.
@safe package final class HMACSHA256: Sendable {
    /// The state after the key was set. It is never updated, only duplicated, which is a read, so it is safe to share.
    private nonisolated(unsafe) let prepared: OpaquePointer
    /// Duplicates in the same state that are not in use: at most one per thread.
    private let spare = Mutex<[Duplicate]>([])

    /// Unchecked: only its current owner uses it, on any thread.
    @safe private struct Duplicate: @unchecked Sendable {
        let context: OpaquePointer
    }

    /// - Parameter key: not empty; the caller still owns its copy, and should drop it.
    package init(key: [UInt8]) {
        precondition(!key.isEmpty, "an HMAC key is not empty")
        let algorithm = unsafe EVP_MAC_fetch(nil, OSSL_MAC_NAME_HMAC, nil)
        defer { unsafe EVP_MAC_free(algorithm) }
        guard let context = unsafe EVP_MAC_CTX_new(algorithm) else { preconditionFailure("libcrypto has no HMAC") }
        unsafe prepared = context
        var digest = Array("SHA256".utf8CString)
        unsafe digest.withUnsafeMutableBufferPointer { digest in
            let parameters = unsafe [
                OSSL_PARAM_construct_utf8_string(("digest" as StaticString).cString, digest.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            requireSuccess(unsafe EVP_MAC_init(context, key, key.count, parameters))
        }
    }

    deinit {
        for duplicate in spare.withLock(\.self) { unsafe EVP_MAC_CTX_free(duplicate.context) }
        unsafe EVP_MAC_CTX_free(prepared)
    }

    /// The authentication code of the message: 32 bytes.
    package func code(for message: some Collection<UInt8>) -> [UInt8] {
        let duplicate = spare.withLock { $0.popLast() } ?? self.duplicate()
        let context = unsafe duplicate.context
        defer {
            // Back to the state after the key was set.
            requireSuccess(unsafe EVP_MAC_init(context, nil, 0, nil))
            spare.withLock { $0.append(duplicate) }
        }
        return unsafe [UInt8](unsafeUninitializedCapacity: 32) { code, written in
            unsafe message.withContiguousBytes { message in
                requireSuccess(unsafe EVP_MAC_update(context, message.baseAddress, message.count))
            }
            requireSuccess(unsafe EVP_MAC_final(context, code.baseAddress, &written, code.count))
        }
    }

    private func duplicate() -> Duplicate {
        guard let context = unsafe EVP_MAC_CTX_dup(prepared) else { preconditionFailure("libcrypto failed") }
        return unsafe Duplicate(context: context)
    }

    /// Whether `code` is the message's code; compared in constant time.
    package func isValid(_ code: [UInt8], for message: some Collection<UInt8>) -> Bool {
        constantTimeEquals(code.span, self.code(for: message).span)
    }
}
