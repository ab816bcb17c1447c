import App
import Crypto
import Tokens

extension Configuration {
    private var tokenSecret: [UInt8] {
        get throws {
            guard let secret = try secret("JWT_SECRET_KEY") else {
                throw ConfigurationError(setting: "JWT_SECRET_KEY", reason: "must be set")
            }
            return secret
        }
    }

    var sealingKeys: KeyRing? {
        get throws {
            let previous = try secret("SEALING_PREVIOUS_KEY")
            guard let key = try secret("SEALING_KEY") else {
                guard previous == nil else {
                    throw ConfigurationError(
                        setting: "SEALING_KEY", reason: "must be set if SEALING_PREVIOUS_KEY is set")
                }
                return nil
            }
            return try KeyRing(key: key, previous: [previous].compactMap(\.self))
        }
    }

    /// Nil if logins are not throttled. Any secret that all processes share is suitable.
    var loginThrottleKey: HMACSHA256? {
        get throws {
            guard try isOn("LOGIN_THROTTLE") else { return nil }
            return derivedKey("login throttle key", from: try tokenSecret)
        }
    }

    /// The keys of request body digests: the current one, then the previous one if there is one.
    var bodyKeys: [HMACSHA256] {
        get throws {
            try [tokenSecret, secret("JWT_PREVIOUS_SECRET_KEY")].compactMap(\.self).map { secret in
                derivedKey("body digest key", from: secret)
            }
        }
    }

    private func derivedKey(_ purpose: String, from secret: [UInt8]) -> HMACSHA256 {
        HMACSHA256(key: HMACSHA256(key: secret).code(for: purpose.utf8))
    }

    /// The keys of access tokens from the settings, which `keys rotate jwt` supersedes.
    var tokenKeys: TokenKeys {
        get throws {
            try TokenKeys(secret: try tokenSecret, previous: try secret("JWT_PREVIOUS_SECRET_KEY"))
        }
    }

    var tokens: SessionTokens {
        get throws {
            SessionTokens(
                keys: try tokenKeys, issuer: try required("JWT_ISSUER"), audience: try required("JWT_AUDIENCE"),
                sealingKeys: try sealingKeys)
        }
    }
}
