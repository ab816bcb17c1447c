/// Where the keys for AWS come from, as AWS' own programs read it from their environment.
package struct AWSKeySettings: Sendable {
    // Keys that do not change: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
    package var accessKeyID: String?
    package var secretAccessKey: String?
    package var sessionToken: String?

    // A role that a token in a file stands for, as in EKS: AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE.
    package var roleARN: String?
    package var webIdentityTokenFile: String?
    /// The URL of the security token service.
    package var tokenServiceURL = "https://sts.amazonaws.com"

    // The endpoint of a container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (ECS) or …_FULL_URI (EKS), and the token that
    // it wants: AWS_CONTAINER_AUTHORIZATION_TOKEN or …_FILE.
    package var containerRelativeURI: String?
    package var containerFullURI: String?
    package var containerToken: String?
    package var containerTokenFile: String?
    package var containerHost = "http://169.254.170.2"

    /// The instance metadata service of EC2; nil: it is not asked.
    package var metadataURL: String? = "http://169.254.169.254"

    package init() {}
}
