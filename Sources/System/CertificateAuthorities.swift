/// The certificate authorities that this machine trusts.
package enum CertificateAuthorities {
    /// The path of their PEM file; nil if it is at none of the usual paths.
    package static let file = paths.first { Files.exists($0) }

    /// The same, if it is not where libraries from Debian look for it: then they must be told.
    package static let fileElsewhere = file == paths[0] ? nil : file

    private static let paths = [
        // Debian, Alpine, Arch
        "/etc/ssl/certs/ca-certificates.crt",
        // RHEL, Fedora
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        // SUSE
        "/etc/ssl/ca-bundle.pem",
    ]
}
