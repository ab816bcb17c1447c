import HTTPClient

extension Configuration {
    /// The secrets of AWS that keep the values of credentials; nil: the database does.
    var secrets: AWSSecrets? {
        get throws {
            guard try !self.useDBSecrets else { return nil }
            return AWSSecrets(
                url: try trustedURL(\.secretsEndpointURL), region: try region, keys: AWSKeyChain(try awsKeys))
        }
    }

    /// A part of host names.
    private var region: String {
        get throws {
            let region = try self.awsRegion
            guard !region.isEmpty, region.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) else {
                throw ConfigurationError(\.awsRegion, "must have only letters, digits and hyphens")
            }
            return region
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
            keys.tokenServiceURL = try trustedURL(\.awsTokenServiceURL) ?? "https://sts.\(region).amazonaws.com"
            keys.containerRelativeURI = try self.awsContainerRelativeURI
            if let path = keys.containerRelativeURI, !path.hasPrefix("/") {
                throw ConfigurationError(\.awsContainerRelativeURI, "must begin with a slash")
            }
            keys.containerFullURI = try self.awsContainerFullURI
            try keys.containerFullURI.map { try requireURL($0, \.awsContainerFullURI) }
            keys.containerToken = try self.awsContainerToken
            keys.containerTokenFile = try self.awsContainerTokenFile
            let metadataURL = try self.awsMetadataURL
            try requireURL(metadataURL, \.awsMetadataURL)
            keys.metadataURL = try self.awsMetadataDisabled ? nil : metadataURL.withoutTrailingSlash
            return keys
        }
    }
}
