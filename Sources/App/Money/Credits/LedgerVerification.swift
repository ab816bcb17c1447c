import Flows
package import Postgres

/// The totals of a ledger.
package struct LedgerSum: Sendable, CustomStringConvertible {
    let entries: Int64
    let users: Int64
    /// In the order of `Ledger.Account`. `issued` is the negative sum of all other accounts.
    let accounts: [String]

    package var description: String {
        let sums = zip(Ledger.Account.allCases, accounts).map { "\($0.rawValue) \($1)" }.joined(separator: ", ")
        return "\(entries) entries of \(users) users add up: \(sums)"
    }
}

/// The first faults that were found in a ledger.
package struct LedgerFlaws: Error, CustomStringConvertible {
    package let flaws: [String]

    package var description: String { flaws.joined(separator: "\n") }
}

extension Ledger {
    /// The maximum number of flaws in a report.
    private static let maximumFlaws = 20

    /// Computes every user's balance from the entries and compares it with the balance that each entry states and with
    /// `credits`, and checks that all accounts add up to 0. Throws `LedgerFlaws` for the differences.
    ///
    /// It may run while the service is running, because an entry and the change it describes are committed together.
    /// It proves that the tables are consistent, not that they are true: the tables' owner can change both sides.
    package static func verify(on connection: Connection) throws -> LedgerSum {
        let flaws = try connection.query("\(flaws) LIMIT \(maximumFlaws)").map { try $0.decode(String.self) }
        guard flaws.isEmpty else { throw LedgerFlaws(flaws: flaws) }
        let (entries, users, issued, available, held, revenue) = try connection.query(
            """
            SELECT count(*), count(DISTINCT user_id), \(sum(of: .issued))::text, \(sum(of: .available))::text,
                \(sum(of: .held))::text, \(sum(of: .revenue))::text
            FROM ledger
            """
        ).only.decode(Int64.self, Int64.self, String.self, String.self, String.self, String.self)
        return LedgerSum(entries: entries, users: users, accounts: [issued, available, held, revenue])
    }

    /// One text for each flaw: the first one in each user's entries, then those in `credits`, then the sums.
    private static var flaws: SQL {
        """
        WITH walked AS (
            SELECT user_id, seq, balance, held, row_number() OVER entries AS due,
                sum(\(change(of: .available))) OVER entries AS due_balance,
                sum(\(change(of: .held))) OVER entries AS due_held
            FROM ledger WINDOW entries AS (PARTITION BY user_id ORDER BY seq)
        ), broken AS (
            SELECT DISTINCT ON (user_id) * FROM walked
            WHERE seq <> due OR balance <> due_balance OR held <> due_held ORDER BY user_id, seq
        ), due AS (
            SELECT user_id, count(*) AS entries, \(sum(of: .available)) AS balance, \(sum(of: .held)) AS held
            FROM ledger GROUP BY user_id
        ), sums AS (
            SELECT \(sum(of: .issued)) + \(sum(of: .available)) + \(sum(of: .held)) + \(sum(of: .revenue)) AS all_four
            FROM ledger
        )
        SELECT CASE WHEN seq <> due THEN format('user %s: entry %s is missing', user_id, due)
            ELSE format('user %s: after entry %s there are %s and %s held, where its entries make %s and %s',
                user_id, seq, balance, held, due_balance, due_held) END
        FROM broken
        UNION ALL
        SELECT format('user %s: credits are %s and %s held after %s entries, where the ledger has %s and %s after %s',
            coalesce(c.user_id, d.user_id), coalesce(c.balance, 0), coalesce(c.held, 0), coalesce(c.entries, 0),
            coalesce(d.balance, 0), coalesce(d.held, 0), coalesce(d.entries, 0))
        FROM credits c FULL JOIN due d ON d.user_id = c.user_id
        WHERE (coalesce(c.balance, 0), coalesce(c.held, 0), coalesce(c.entries, 0))
            <> (coalesce(d.balance, 0), coalesce(d.held, 0), coalesce(d.entries, 0))
        UNION ALL
        SELECT format('all accounts together make %s, not 0', all_four) FROM sums WHERE all_four <> 0
        """
    }

    /// The change that one entry makes to the account.
    private static func change(of account: Ledger.Account) -> SQL {
        """
        CASE WHEN credit = \(account.rawValue) THEN amount WHEN debit = \(account.rawValue) THEN -amount ELSE 0 END
        """
    }

    private static func sum(of account: Ledger.Account) -> SQL { "coalesce(sum(\(change(of: account))), 0)" }
}
