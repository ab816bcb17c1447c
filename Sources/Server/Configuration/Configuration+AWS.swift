import HTTPClient

extension Configuration {
    /// The secrets of AWS that keep the values of credentials; nil: the database does.
    var secrets: AWSSecrets? {
        get throws {
            guard try !self.useDBSecrets else { return nil }
            return AWSSecrets(
                url: try self.secretsEndpointURL, region: try self.awsRegion, keys: AWSKeyChain(try awsKeys))
        }
    }

    private var awsKeys: AWSKeySettings {
        get throws {
            var keys = AWSKeySettings()
            keys.accessKeyID = try self.awsAccessKeyID
            keys.secretAccessKey = try self.awsSecretAccessKey
            guard (keys.accessKeyID == nil) == (keys.secretAccessKey == nil) else {
                throw ConfigurationError(\.awsAccessKeyID, "and AWS_SECRET_ACCESS_KEY must both be set, or neither")
            }
            keys.sessionToken = try self.awsSessionToken
            keys.roleARN = try self.awsRoleARN
            keys.webIdentityTokenFile = try self.awsWebIdentityTokenFile
            keys.tokenServiceURL = try self.awsTokenServiceURL ?? "https://sts.\(try self.awsRegion).amazonaws.com"
            keys.containerRelativeURI = try self.awsContainerRelativeURI
            keys.containerFullURI = try self.awsContainerFullURI
            keys.containerToken = try self.awsContainerToken
            keys.containerTokenFile = try self.awsContainerTokenFile
            keys.metadataURL = try self.awsMetadataDisabled ? nil : try self.awsMetadataURL
            return keys
        }
    }
}
