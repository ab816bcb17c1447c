/// A user's authenticator app (RFC 6238) and the recovery codes, each of which can be used once instead.
struct SecondFactor {
    let userID: String
    let secret: [UInt8]
    let isConfirmed: Bool

    /// Calls `proof` and counts a failure. Throws 429 after too many recent failures from any address: an attacker who
    /// knows the password could otherwise try all six-digit codes from many addresses.
    func guarded(by limits: LoginLimits?, _ proof: () throws -> AuditEvent.Factor?) throws -> AuditEvent.Factor? {
        let attempt = try limits?.attempt(.secondFactor(userID: userID), from: nil)
        let proof = try proof()
        attempt?.ended(rightly: proof != nil)
        return proof
    }

    /// The associated data of a sealed secret, which binds it to its user.
    static func associated(_ userID: String) -> [UInt8] { Array("second factor of \(userID)".utf8) }
}
