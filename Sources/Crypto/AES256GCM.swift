import CCrypto

/// A key for AES-256-GCM (NIST SP 800-38D), safe to use from any thread. A sealed message is 12 bytes of nonce, then
/// the ciphertext, then 16 bytes of tag.
///
/// Every message gets a random nonce, so one key may seal at most 2³² of them (section 8.3): with more, a nonce could
/// repeat. Only this object holds the key bytes, and it wipes them when it is released.
@safe final class AES256GCM: Sendable {
    /// The length of a key, in bytes.
    static let keyLength = 32
    /// The number of bytes by which a sealed message is longer than the plain one.
    static let overhead = nonceLength + tagLength

    private static let nonceLength = 12
    private static let tagLength = 16

    /// Written before any other thread sees this object, and never again, so it is safe to share.
    private nonisolated(unsafe) let key = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: keyLength)

    /// A random key.
    init() {
        requireSuccess(unsafe RAND_priv_bytes_ex(nil, key.baseAddress, key.count, 256))
    }

    /// - Parameter bytes: `keyLength` of them; the caller still owns its copy, and should wipe it.
    init(key bytes: [UInt8]) {
        precondition(bytes.count == Self.keyLength, "a key of AES-256 is 32 bytes long")
        _ = unsafe key.initialize(fromContentsOf: bytes)
    }

    /// The key that `other` has wrapped; nil if the wrapped key is not genuine.
    init?(unwrapping wrapped: some Collection<UInt8>, with other: AES256GCM, authenticating data: [UInt8]) {
        guard wrapped.count == Self.keyLength + Self.overhead,
            unsafe other.open(wrapped, authenticating: data, into: key)
        else { return nil }
    }

    deinit {
        unsafe OPENSSL_cleanse(key.baseAddress, key.count)
        unsafe key.deallocate()
    }

    /// This key, sealed by another one.
    func wrapped(by other: AES256GCM, authenticating data: [UInt8]) -> [UInt8] {
        unsafe other.seal(UnsafeBufferPointer(key), authenticating: data)
    }

    /// - Parameter data: not part of the result; the same bytes are required to open it.
    func seal(_ message: some Collection<UInt8>, authenticating data: [UInt8]) -> [UInt8] {
        let nonce = SecureRandom.bytes(Self.nonceLength)
        let count = message.count
        return unsafe [UInt8](unsafeUninitializedCapacity: count + Self.overhead) { sealed, written in
            _ = unsafe sealed.extracting(..<Self.nonceLength).initialize(fromContentsOf: nonce)
            let text = sealed.extracting(Self.nonceLength..<Self.nonceLength + count)
            let tag = sealed.extracting((Self.nonceLength + count)...)
            let context = unsafe begin(nonce, authenticating: data, encrypting: true)
            defer { unsafe EVP_CIPHER_CTX_free(context) }
            var length: Int32 = 0
            unsafe message.withContiguousBytes { message in
                requireSuccess(
                    unsafe EVP_EncryptUpdate(
                        context, text.baseAddress, &length, message.baseAddress, Int32(message.count)))
            }
            requireSuccess(unsafe EVP_EncryptFinal_ex(context, tag.baseAddress, &length))
            requireSuccess(
                unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), tag.baseAddress))
            written = sealed.count
        }
    }

    /// The message; nil unless this key has sealed it with the same data and neither has changed.
    func open(_ sealed: some Collection<UInt8>, authenticating data: [UInt8]) -> [UInt8]? {
        guard sealed.count >= Self.overhead else { return nil }
        var isGenuine = false
        let message = unsafe [UInt8](unsafeUninitializedCapacity: sealed.count - Self.overhead) { message, written in
            isGenuine = unsafe open(sealed, authenticating: data, into: message)
            written = isGenuine ? message.count : 0
        }
        return isGenuine ? message : nil
    }

    /// Fills the buffer, which is as long as the message. If the message is not genuine, wipes the buffer and returns
    /// false.
    private func open(
        _ sealed: some Collection<UInt8>, authenticating data: [UInt8], into message: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        unsafe sealed.withContiguousBytes { sealed in
            let text = sealed.extracting(Self.nonceLength..<Self.nonceLength + message.count)
            var tag = unsafe Array(sealed.suffix(Self.tagLength))
            let nonce = unsafe Array(sealed.prefix(Self.nonceLength))
            let context = unsafe begin(nonce, authenticating: data, encrypting: false)
            defer { unsafe EVP_CIPHER_CTX_free(context) }
            var length: Int32 = 0
            requireSuccess(
                unsafe EVP_DecryptUpdate(context, message.baseAddress, &length, text.baseAddress, Int32(text.count)))
            requireSuccess(unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag))
            // Nothing is left to write, but libcrypto requires a buffer.
            var rest: UInt8 = 0
            guard unsafe EVP_DecryptFinal_ex(context, &rest, &length) == 1 else {
                unsafe OPENSSL_cleanse(message.baseAddress, message.count)
                return false
            }
            return true
        }
    }

    /// A context that has the key, the nonce and the data; libcrypto wipes it when it is freed.
    private func begin(_ nonce: [UInt8], authenticating data: [UInt8], encrypting: Bool) -> OpaquePointer? {
        let context = unsafe EVP_CIPHER_CTX_new()
        requireSuccess(
            unsafe EVP_CipherInit_ex2(context, Self.algorithm, key.baseAddress, nonce, encrypting ? 1 : 0, nil))
        var length: Int32 = 0
        requireSuccess(unsafe EVP_CipherUpdate(context, nil, &length, data, Int32(data.count)))
        return unsafe context
    }

    /// Fetched once and never freed; immutable.
    private nonisolated(unsafe) static let algorithm = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}
