import Crypto
import HTTP
import JSON
import Synchronization
import System

/// The secrets of AWS Secrets Manager: values by their names.
///
/// A call blocks its thread, for some seconds at most. While the service cannot be reached or is in trouble, one call
/// in five seconds tries it, and all others fail at once.
package final class AWSSecrets: Sendable {
    /// The seconds from a call that met trouble to the next one that is tried.
    static let pause: Int64 = 5

    private let url: String
    private let region: String
    private let keys: AWSKeyChain
    private let clock: @Sendable () -> Int64
    /// Until when calls fail at once, in seconds since 1970.
    private let pausedUntil = Atomic<Int64>(0)

    /// - Parameters:
    ///   - url: of the service, from the settings: it may have a private address. Nil: AWS' own in the region.
    ///   - clock: in seconds since 1970.
    package init(
        url: String?, region: String, keys: AWSKeyChain, clock: @escaping @Sendable () -> Int64 = { WallClock.seconds }
    ) {
        self.url = url ?? "https://secretsmanager.\(region).amazonaws.com"
        self.region = region
        self.keys = keys
        self.clock = clock
    }

    /// The value; nil if there is no such secret.
    package func value(of name: String) throws -> String? {
        let answer = try call("GetSecretValue", ["SecretId": .string(name)], unless: "ResourceNotFoundException")
        return answer?["SecretString"]?.stringValue
    }

    /// Stores a new value of the secret, which is created if it does not exist.
    package func store(_ value: String, as name: String) throws {
        let token = UUIDv7.make()
        let made = try call(
            "CreateSecret",
            ["Name": .string(name), "SecretString": .string(value), "ClientRequestToken": .string(token)],
            unless: "ResourceExistsException")
        guard made == nil else { return }
        _ = try call(
            "PutSecretValue",
            ["SecretId": .string(name), "SecretString": .string(value), "ClientRequestToken": .string(token)])
    }

    /// Deletes the secret at once; does nothing if it does not exist.
    package func remove(_ name: String) throws {
        _ = try call(
            "DeleteSecret", ["SecretId": .string(name), "ForceDeleteWithoutRecovery": true],
            unless: "ResourceNotFoundException")
    }

    /// - Parameter expected: the error for which the result is nil.
    private func call(_ action: String, _ input: JSON, unless expected: String? = nil) throws -> JSON? {
        let pause = pausedUntil.load(ordering: .relaxed)
        if pause != 0 {
            let now = clock()
            // One of the threads that find the pause over begins the next one, and tries.
            guard pause <= now,
                pausedUntil.compareExchange(expected: pause, desired: now + Self.pause, ordering: .relaxed).exchanged
            else { throw AWSError("Secrets Manager was in trouble a moment ago") }
        }
        do {
            let answer = try attempt(action, input, unless: expected)
            if pause != 0 { pausedUntil.store(0, ordering: .relaxed) }
            return answer
        } catch {
            let isTrouble = (error as? AWSError)?.isTrouble ?? true
            if isTrouble || pause != 0 {
                pausedUntil.store(isTrouble ? clock() + Self.pause : 0, ordering: .relaxed)
            }
            throw error
        }
    }

    private func attempt(_ action: String, _ input: JSON, unless expected: String?) throws -> JSON? {
        let now = clock()
        let request = try OutgoingRequest(
            .post, url + "/",
            headers: ["Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.\(action)"],
            body: input.serialized()
        ).signed(with: keys.keys(at: now), for: "secretsmanager", in: region, at: now)
        let response: IncomingResponse
        do {
            response = try AWSRequest.client().send(request)
        } catch {
            throw AWSError("Secrets Manager: \(error)")
        }
        let answer = (try? JSON(parsing: response.body)) ?? .null
        guard !response.status.isSuccess else { return answer }
        // `Type`, or `namespace#Type`.
        let type = answer["__type"]?.stringValue?.split(separator: "#").last.map(String.init) ?? ""
        if let expected, type == expected { return nil }
        let isName = !type.isEmpty && type.utf8.count <= 100 && type.allSatisfy { $0.isASCII && $0.isLetter }
        throw AWSError(
            "Secrets Manager answers \(response.status.rawValue)\(isName ? " " + type : "")",
            isTrouble: response.status.rawValue >= 500 || type == "ThrottlingException")
    }
}
