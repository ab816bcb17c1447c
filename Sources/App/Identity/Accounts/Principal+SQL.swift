import HTTP
import Postgres

extension Principal {
    /// The columns that `init(_:issuedAt:expires:proof:)` reads, in its order, from `users` aliased `u` with
    /// `Credits.join`.
    static func columns(showingStorage: Bool) -> SQL { showingStorage ? columnsWithStorage : columnsWithoutStorage }

    // Assembled once, because each call needs them.
    private static let columnsWithStorage = columns(storage: "(\(StoredBytes.sum("u.id")))")
    private static let columnsWithoutStorage = columns(storage: "0::bigint")

    private static func columns(storage: SQL) -> SQL { "\(Account.columns), \(Credits.columns), u.is_full, \(storage)" }

    /// - Parameter proof: reads the columns after those.
    convenience init(
        _ row: Row, issuedAt: Int64?, expires: Int64?, proof: (inout Columns) throws -> Proof
    ) throws {
        var columns = row.columns
        let (account, credits) = (try Account(&columns), try Credits(&columns))
        let (isFull, storedBytes) = (try columns.next(Bool.self), try columns.next(Int64.self))
        self.init(
            account: account, proof: try proof(&columns), credits: credits, isFull: isFull,
            storedBytes: storedBytes, issuedAt: issuedAt, expires: expires)
    }
}

extension Endpoint {
    /// Whether the answer shows how much the caller stores, so that it is read together with the account.
    var showsStorage: Bool { operation == "getMe" }
}
