import App
import Crypto
import Tokens

extension Configuration {
    var sealingKeys: KeyRing? {
        get throws {
            let previous = try self.sealingPreviousKey
            guard let key = try self.sealingKey else {
                guard previous == nil else {
                    throw ConfigurationError(\.sealingKey, "must be set if SEALING_PREVIOUS_KEY is set")
                }
                return nil
            }
            return try KeyRing(key: key, previous: [previous].compactMap(\.self))
        }
    }

    /// Nil if logins are not throttled. Any secret that all processes share is suitable.
    var loginThrottleKey: HMACSHA256? {
        get throws {
            guard try self.loginThrottle else { return nil }
            return derivedKey("login throttle key", from: try self.jwtSecretKey)
        }
    }

    /// The keys of request body digests: the current one, then the previous one if there is one.
    var bodyKeys: [HMACSHA256] {
        get throws {
            try [self.jwtSecretKey, self.jwtPreviousSecretKey].compactMap(\.self).map { secret in
                derivedKey("body digest key", from: secret)
            }
        }
    }

    private func derivedKey(_ purpose: String, from secret: [UInt8]) -> HMACSHA256 {
        HMACSHA256(key: HMACSHA256(key: secret).code(for: purpose.utf8))
    }

    /// The keys of access tokens from the settings, which `keys rotate jwt` supersedes.
    var tokenKeys: TokenKeys {
        get throws { try TokenKeys(secret: try self.jwtSecretKey, previous: try self.jwtPreviousSecretKey) }
    }

    var tokens: SessionTokens {
        get throws {
            SessionTokens(
                keys: try tokenKeys, issuer: try self.jwtIssuer, audience: try self.jwtAudience,
                sealingKeys: try sealingKeys)
        }
    }
}
