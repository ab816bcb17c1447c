import App
import Crypto
import HTTP
import SharedMemory
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

    /// - Parameter memory: that of all processes; nil: the database counts the calls.
    func rateLimits(in memory: SharedMemory?) throws -> RateLimits {
        let numbers: [RateClass: RateLimits.Numbers?] = [
            .read: try self.rateLimitRead, .write: try self.rateLimitWrite, .run: try self.rateLimitRun,
            .array: try self.rateLimitArray, .hook: try self.rateLimitHook,
        ]
        return RateLimits(
            numbers.compactMapValues(\.self), key: derivedKey("rate limit key", from: try self.jwtSecretKey),
            in: memory)
    }

    /// The keys of request body digests: the current one, then the previous one if there is one.
    var bodyKeys: [HMACSHA256] {
        get throws {
            try [self.jwtSecretKey, self.jwtPreviousSecretKey].compactMap(\.self).map { secret in
                derivedKey("body digest key", from: secret)
            }
        }
    }

    /// The key of the tokens of `flow-manager doctor`, which are no access tokens.
    var doctorKey: HMACSHA256 {
        get throws { derivedKey("doctor key", from: try self.jwtSecretKey) }
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
