import Testing
import Tokens

@Suite struct CSRFTokenTests {
    private static let session = "017f22e2-79b0-7cc3-98c4-dc0c0c073990"

    private func issuer(secret: UInt8, previous: UInt8? = nil) throws -> TokenIssuer {
        TokenIssuer(
            keys: try TokenKeys(
                secret: Array(repeating: secret, count: 32),
                previous: previous.map { Array(repeating: $0, count: 32) }),
            issuer: "flow-manager", audience: "api")
    }

    @Test func isValidForOneSessionAndTheCurrentKeys() throws {
        let issuer = try issuer(secret: 1)
        let token = issuer.csrfToken(session: Self.session)
        #expect(token == issuer.csrfToken(session: Self.session))
        #expect(issuer.isCSRFToken(token, session: Self.session))
        #expect(!issuer.isCSRFToken(token, session: "017f22e2-79b0-7cc3-98c4-dc0c0c073991"))
        #expect(try self.issuer(secret: 2, previous: 1).isCSRFToken(token, session: Self.session))
        #expect(try !self.issuer(secret: 2).isCSRFToken(token, session: Self.session))
    }

    @Test func refusesOtherSpellings() throws {
        let issuer = try issuer(secret: 1)
        let token = issuer.csrfToken(session: Self.session)
        for text in ["", "x", "\(token)=", "\(token)A", String(token.dropLast()), " \(token)", token.uppercased()] {
            #expect(!issuer.isCSRFToken(text, session: Self.session), "\(text)")
        }
    }
}
