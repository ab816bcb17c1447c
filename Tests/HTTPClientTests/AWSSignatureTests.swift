import HTTP
import HTTPClient
import Testing

/// The first two are of AWS' own test suite of signatures (`get-vanilla`, `post-vanilla`); botocore computes the same,
/// and the third one. `scripts/check aws` compares every request of the tests with botocore.
@Suite struct AWSSignatureTests {
    /// 2015-08-30T12:36:00Z
    private static let now: Int64 = 1_440_938_160

    private func keys(token: String? = nil) -> AWSKeys {
        AWSKeys(id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: token)
    }

    @Test(
        arguments: [
            (Method.get, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (.post, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ])
    func signsLikeAWS(method: Method, signature: String) throws {
        let request = OutgoingRequest(method, "https://example.amazonaws.com/")
        let signed = try request.signed(with: keys(), for: "service", in: "us-east-1", at: Self.now)
        let expected = """
            AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
            SignedHeaders=host;x-amz-date, Signature=\(signature)
            """
        #expect(signed.headers["Authorization"] == expected)
        #expect(signed.headers["X-Amz-Date"] == "20150830T123600Z" && signed.headers["X-Amz-Security-Token"] == nil)
    }

    @Test func signsFieldsBodyPortAndSessionToken() throws {
        let request = OutgoingRequest(
            .post, "http://127.0.0.1:4000/",
            headers: [
                "X-Amz-Target": "secretsmanager.GetSecretValue", "Content-Type": "application/x-amz-json-1.1",
            ], body: Array(#"{"SecretId":"a"}"#.utf8))
        let signed = try request.signed(
            with: keys(token: "tok/en+=="), for: "secretsmanager", in: "us-east-1", at: Self.now)
        let authorization = try #require(signed.headers["Authorization"])
        #expect(authorization.hasSuffix("=a08a11069e0f9240a19b11933f3c2841d088a61064fd4d608bee4dfe7af0cd85"))
        #expect(authorization.contains("=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,"))
    }
}
