import HTTP
import JSON
import Synchronization
import System

/// The keys for AWS, from the first source that the settings have, in the order of AWS' own programs: the environment,
/// a web identity, a container's endpoint, the metadata of an EC2 instance.
///
/// Keys that expire are kept until five minutes before that. If others cannot be fetched then, they stay in use until
/// they expire, and the source is asked again every half minute. One thread asks it at a time.
package final class AWSKeyChain: Sendable {
    private struct Kept {
        var keys: AWSKeys?
        /// When the source was last asked, in seconds since 1970.
        var asked = Int64.min
        /// How often the source has failed, and how it did the last time.
        var failures = 0
        var failure: (any Error)?
    }

    /// How long before their end keys are replaced, in seconds.
    static let margin: Int64 = 300
    /// The seconds between two attempts to replace keys that are still valid.
    static let interval: Int64 = 30

    private let settings: AWSKeySettings
    private let kept = Mutex(Kept())
    /// Held by the thread that asks the source. Threads without valid keys wait for it.
    private let fetching = Mutex(())

    package init(_ settings: AWSKeySettings) { self.settings = settings }

    /// May wait for the source, for some seconds.
    ///
    /// - Parameter now: in seconds since 1970.
    package func keys(at now: Int64) throws -> AWSKeys {
        if let keys = usable(at: now) { return keys }
        let (present, failures) = kept.withLock { ($0.keys, $0.failures) }
        guard let valid = present, valid.areValid(at: now) else {
            return try fetching.withLock { _ in
                // The threads that have waited for an attempt share its failure.
                if let failure = kept.withLock({ $0.failures != failures ? $0.failure : nil }) { throw failure }
                return try usable(at: now) ?? fetch(at: now)
            }
        }
        let newer = fetching.withLockIfAvailable { _ in try? usable(at: now) ?? fetch(at: now) }
        return (newer ?? nil) ?? valid
    }

    /// The present keys, if they need not be replaced now.
    private func usable(at now: Int64) -> AWSKeys? {
        kept.withLock { kept in
            guard let keys = kept.keys else { return nil }
            let isTried = keys.areValid(at: now) && now - kept.asked < Self.interval
            return isTried || keys.areValid(at: now + Self.margin) ? keys : nil
        }
    }

    private func fetch(at now: Int64) throws -> AWSKeys {
        kept.withLock { $0.asked = now }
        do {
            let keys = try fetch()
            kept.withLock { ($0.keys, $0.failure) = (keys, nil) }
            return keys
        } catch {
            kept.withLock { ($0.failures, $0.failure) = ($0.failures + 1, error) }
            throw error
        }
    }

    private func fetch() throws -> AWSKeys {
        if let id = settings.accessKeyID, let secret = settings.secretAccessKey {
            return AWSKeys(id: id, secret: secret, sessionToken: settings.sessionToken)
        }
        if let role = settings.roleARN, let file = settings.webIdentityTokenFile {
            return try webIdentity(role, tokenFile: file)
        }
        if let url = settings.containerRelativeURI.map({ settings.containerHost + $0 }) ?? settings.containerFullURI {
            return try container(url)
        }
        guard let url = settings.metadataURL else { throw AWSError("the settings have no source of AWS keys") }
        return try instance(url)
    }

    /// AssumeRoleWithWebIdentity of the security token service, which answers XML.
    private func webIdentity(_ role: String, tokenFile: String) throws -> AWSKeys {
        let parameters = [
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
            ("RoleSessionName", "flow-manager"), ("WebIdentityToken", try Self.text(ofFile: tokenFile)),
        ]
        let body = parameters.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        let request = OutgoingRequest(
            .post, settings.tokenServiceURL, headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array(body.utf8))
        let text = String(decoding: try AWSRequest.body(request, of: "the security token service"), as: UTF8.self)
        func element(_ name: String) -> String? {
            guard let start = text.firstRange(of: "<\(name)>")?.upperBound,
                let end = text[start...].firstRange(of: "</")?.lowerBound
            else { return nil }
            return String(text[start..<end])
        }
        return try Self.keys(
            element("AccessKeyId"), element("SecretAccessKey"), element("SessionToken"), element("Expiration"),
            of: "the security token service")
    }

    /// The endpoint that ECS and EKS give to a container.
    private func container(_ url: String) throws -> AWSKeys {
        var request = OutgoingRequest(.get, url)
        let token = try settings.containerTokenFile.map(Self.text(ofFile:)) ?? settings.containerToken
        request.headers["Authorization"] = token
        return try Self.keys(
            AWSRequest.body(request, of: "the container's endpoint"), of: "the container's endpoint")
    }

    /// The instance metadata service of EC2, version 2: a token first, then the name of the role, then its keys.
    private func instance(_ url: String) throws -> AWSKeys {
        let source = "the instance metadata service"
        let asking = OutgoingRequest(
            .put, url + "/latest/api/token", headers: ["X-aws-ec2-metadata-token-ttl-seconds": "300"])
        let token = String(decoding: try AWSRequest.body(asking, of: source), as: UTF8.self)
        func get(_ path: String) throws -> [UInt8] {
            try AWSRequest.body(
                OutgoingRequest(.get, url + path, headers: ["X-aws-ec2-metadata-token": token]), of: source)
        }
        let path = "/latest/meta-data/iam/security-credentials/"
        let role = String(decoding: try get(path), as: UTF8.self).split(separator: "\n").first.map(String.init)
        guard let role else { throw AWSError("the instance has no role") }
        return try Self.keys(get(path + role), of: source)
    }

    private static func keys(_ answer: [UInt8], of source: String) throws -> AWSKeys {
        let json = (try? JSON(parsing: answer)) ?? .null
        return try keys(
            json["AccessKeyId"]?.stringValue, json["SecretAccessKey"]?.stringValue, json["Token"]?.stringValue,
            json["Expiration"]?.stringValue, of: source)
    }

    private static func keys(
        _ id: String?, _ secret: String?, _ token: String?, _ expiration: String?, of source: String
    ) throws -> AWSKeys {
        guard let id, let secret, let token, let expires = expiration.flatMap(RFC3339.milliseconds) else {
            throw AWSError("\(source) gives no keys")
        }
        return AWSKeys(id: id, secret: secret, sessionToken: token, expires: expires / 1_000)
    }

    /// Tokens are replaced in their files, so they are read each time.
    private static func text(ofFile path: String) throws -> String {
        guard let bytes = try? Files.read(path, limit: 64 << 10) else {
            throw AWSError("the file of a token is not readable")
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined()
    }
}
