import Glibc
import System
import TestSupport
import Testing

@testable import HTTPClient

/// The sources of AWS keys, each a server on the loopback address.
@Suite(.timeLimit(.minutes(1))) struct AWSKeyChainTests {
    /// 2026-11-30T08:00:00Z
    private static let now: Int64 = 1_796_025_600
    private static let expiration = "2026-11-30T09:00:00Z"
    private static let expires = now + 3_600

    private static let keys = AWSKeys(id: "ID", secret: "secret", sessionToken: "token", expires: expires)

    private static func json(_ id: String = "ID", expiration: String = expiration) -> LoopbackServer.Answer {
        .ok(
            """
            {"AccessKeyId":"\(id)","SecretAccessKey":"secret","Token":"token","Expiration":"\(expiration)"}
            """)
    }

    private func keys(at now: Int64 = now, _ change: (inout AWSKeySettings) -> Void) throws -> AWSKeys {
        try chain(change).keys(at: now)
    }

    private func chain(_ change: (inout AWSKeySettings) -> Void) -> AWSKeyChain {
        var settings = AWSKeySettings()
        settings.metadataURL = nil
        change(&settings)
        return AWSKeyChain(settings)
    }

    @Test func keysOfTheEnvironmentComeFirst() throws {
        let keys = try keys {
            ($0.accessKeyID, $0.secretAccessKey, $0.sessionToken) = ("A", "S", "T")
            ($0.roleARN, $0.webIdentityTokenFile, $0.containerFullURI) = ("arn", "/nothing", "http://127.0.0.1:1/")
        }
        #expect(keys == AWSKeys(id: "A", secret: "S", sessionToken: "T"))
    }

    @Test func aWebIdentityComesBeforeAContainer() throws {
        let server = try LoopbackServer { _ in
            .ok(
                """
                <AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
                <AccessKeyId>ID</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
                <SessionToken>token</SessionToken><Expiration>\(Self.expiration)</Expiration>
                </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
                """, fields: "Content-Type: text/xml\r\n")
        }
        let file = "/tmp/flow-manager-token-\(getpid())"
        defer { unsafe unlink(file) }
        let descriptor = try Files.openToAppend(file)
        Files.write(Array("to&ken\n".utf8), to: descriptor)
        close(descriptor)
        let keys = try keys {
            ($0.roleARN, $0.webIdentityTokenFile, $0.tokenServiceURL) = ("arn:aws:iam::1:role/r", file, server.url)
            $0.containerFullURI = "http://127.0.0.1:1/"
        }
        #expect(keys == Self.keys)
        let request = try #require(server.requests.first)
        #expect(request.method == "POST" && request.fields["authorization"] == nil)
        #expect(
            request.body == """
                Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&\
                RoleSessionName=flow-manager&WebIdentityToken=to%26ken
                """)
    }

    @Test func aContainerComesBeforeTheInstance() throws {
        let server = try LoopbackServer { _ in Self.json() }
        let ofECS = try keys {
            ($0.containerHost, $0.containerRelativeURI, $0.metadataURL) = (server.url, "/v2/a", "http://127.0.0.1:1")
        }
        let ofEKS = try keys { ($0.containerFullURI, $0.containerToken) = (server.url + "/v1/b", "jwt") }
        #expect(ofECS == Self.keys && ofEKS == Self.keys)
        #expect(server.requests.map(\.target) == ["/v2/a", "/v1/b"])
        #expect(server.requests.map { $0.fields["authorization"] } == [nil, "jwt"])
    }

    @Test func theInstanceIsAskedWithAToken() throws {
        let server = try LoopbackServer { request in
            switch (request.method, request.target) {
            case ("PUT", "/latest/api/token"): .ok("session")
            case ("GET", "/latest/meta-data/iam/security-credentials/"): .ok("role\n")
            case ("GET", "/latest/meta-data/iam/security-credentials/role"): Self.json()
            default: .bytes("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            }
        }
        #expect(try keys { $0.metadataURL = server.url } == Self.keys)
        #expect(server.requests[0].fields["x-aws-ec2-metadata-token-ttl-seconds"] == "300")
        #expect(server.requests.dropFirst().allSatisfy { $0.fields["x-aws-ec2-metadata-token"] == "session" })
    }

    /// Five minutes before their end.
    @Test func keysAreReplacedBeforeTheyExpire() throws {
        let server = try LoopbackServer { _ in Self.json() }
        let chain = chain { $0.containerFullURI = server.url }
        for now in [Self.now, Self.expires - 301, Self.expires - 300, Self.expires - 299, Self.expires - 270] {
            #expect(try chain.keys(at: now) == Self.keys)
        }
        #expect(server.requests.count == 3)
    }

    /// Threads that have no keys wait for the one that fetches them.
    @Test func oneThreadAsksTheSource() throws {
        let server = try LoopbackServer { _ in Self.json() }
        let chain = chain { $0.containerFullURI = server.url }
        let keys = Recording<AWSKeys>()
        let threads = try (0..<8).map { _ in
            try NativeThread { if let found = try? chain.keys(at: Self.now) { keys.add(found) } }
        }
        for thread in threads { thread.join() }
        #expect(keys.all == Array(repeating: Self.keys, count: 8))
        #expect(server.requests.count == 1)
    }

    /// Gives keys once.
    private static func sourceThatFailsLater() throws -> LoopbackServer {
        let answers = Recording<Bool>()
        return try LoopbackServer { _ in
            defer { answers.add(true) }
            return answers.all.isEmpty ? json() : .bytes("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        }
    }

    /// Keys that are still valid wait half a minute for the next attempt to replace them.
    @Test func aSourceInTroubleIsAskedAtIntervals() throws {
        let server = try Self.sourceThatFailsLater()
        let chain = chain { $0.containerFullURI = server.url }
        for now in [Self.now, Self.expires - 100, Self.expires - 71, Self.expires - 70] {
            #expect(try chain.keys(at: now) == Self.keys)
        }
        #expect(server.requests.count == 3)
    }

    @Test func presentKeysOutliveAFailure() throws {
        let server = try Self.sourceThatFailsLater()
        let chain = chain { $0.containerFullURI = server.url }
        #expect(try chain.keys(at: Self.now) == Self.keys)
        #expect(try chain.keys(at: Self.expires - 1) == Self.keys)
        #expect(throws: AWSError("the container's endpoint answers 500")) { try chain.keys(at: Self.expires) }
    }

    @Test(arguments: ["", "{}", "no JSON", #"{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c"}"#])
    func incompleteAnswersAreRefused(body: String) throws {
        let server = try LoopbackServer { _ in .ok(body) }
        #expect(throws: AWSError.self) { try keys { $0.containerFullURI = server.url } }
    }

    @Test func noSourceIsAnError() { #expect(throws: AWSError.self) { try keys { _ in } } }
}
