import JSON
package import Postgres

/// How many bytes a user may keep: documents, posts, versions of workflows, the inputs and outputs of runs, and stored
/// answers of calls, with an amount for each row.
///
/// The statement that stores something counts it too, so both are committed or neither is. A large change is added to a
/// row of `storage` that no other transaction has locked, and is refused if it exceeds the quota. A small one is only
/// appended to `storage_changes`, which `fold` empties each second; it is refused if the last fold found that the user
/// is full. So the quota may be exceeded by what is in flight, and by the small changes of a second. Without workers,
/// `prune` folds them.
///
/// A step that has not ended counts nothing. What it keeps is short: an id, a number, a time, or the beginning of a
/// message; and a user has at most 10,000 active runs.
package struct StorageQuota: Sendable {
    /// In bytes; nil: no limit.
    package let user: Int64?
    package let guest: Int64?

    package static let unlimited = StorageQuota(user: nil, guest: nil)

    package init(user: Int64?, guest: Int64?) {
        self.user = user
        self.guest = guest
    }

    /// The bytes that a run counts besides its flow and its inputs, and a step besides its output or error, as in the
    /// functions `stored_bytes` of the database.
    static let runBytes = 512
    static let stepBytes = 128
    /// A change of fewer bytes is small.
    package static let smallChange = 4_096

    /// A statement, or a common table expression, that counts bytes of the user. If they are many, it fails when they
    /// exceed the quota; if they are few, when the user is full (`StorageRefusal`).
    func counting(_ bytes: Int, of userID: String) -> SQL {
        bytes < Self.smallChange
            ? """
            INSERT INTO storage_changes (user_id, bytes)
            SELECT id, CASE WHEN is_full THEN refuse_bytes() ELSE \(bytes) END FROM users WHERE id = \(userID)
            """
            : counting("\(bytes)::bigint", of: userID)
    }

    /// The same for a small change that the database computes and that may be less than zero: the `bytes` of the row of
    /// `source`, if it has one, which belongs to its `user_id`.
    package static func countingSmall(from source: SQL) -> SQL {
        """
        INSERT INTO storage_changes (user_id, bytes)
        SELECT u.id, CASE WHEN s.bytes > 0 AND u.is_full THEN refuse_bytes() ELSE s.bytes END
        FROM \(source) s JOIN users u ON u.id = s.user_id WHERE s.bytes <> 0
        """
    }

    /// The same for bytes that the database computes: it fails if they are more than zero and exceed the quota.
    ///
    /// - Parameter bytes: an expression of type `bigint`; NULL counts nothing.
    package func counting(_ bytes: SQL, of userID: String) -> SQL {
        let (user, guest) = (user ?? .max, guest ?? .max)
        // The role is read only where it matters.
        return """
            INSERT INTO storage AS s (user_id, shard, bytes)
            SELECT \(userID)::uuid, coalesce(
                (SELECT shard FROM storage WHERE user_id = \(userID)::uuid AND shard >= 0 ORDER BY shard LIMIT 1
                FOR NO KEY UPDATE SKIP LOCKED),
                (random() * 2147483646)::integer),
                CASE WHEN n.bytes < 0 OR n.used + n.bytes <= \(min(user, guest))::bigint
                    OR n.used + n.bytes <= (
                        SELECT CASE role WHEN 'guest' THEN \(guest)::bigint ELSE \(user)::bigint END FROM users
                        WHERE id = \(userID)::uuid)
                THEN n.bytes ELSE refuse_bytes() END
            FROM (
                SELECT \(bytes) AS bytes, (
                    SELECT coalesce(sum(bytes), 0)::bigint FROM storage WHERE user_id = \(userID)::uuid) AS used
            ) n
            WHERE n.bytes <> 0
            ON CONFLICT (user_id, shard) DO UPDATE SET bytes = s.bytes + excluded.bytes
            """
    }

    /// A common table expression for a change that may be less than zero: whether the user is not full any more.
    package func room(after bytes: SQL, of userID: String) -> SQL {
        """
        room AS (
            UPDATE users SET is_full = false
            WHERE id = \(userID) AND is_full AND \(bytes) < 0
                AND (SELECT coalesce(sum(bytes), 0) FROM storage WHERE user_id = \(userID)) + \(bytes)
                    < CASE role WHEN 'guest' THEN \(guest ?? .max)::bigint ELSE \(user ?? .max)::bigint END)
        """
    }

    /// The rest, after the common table expressions, of a statement that removes something: it counts the bytes that
    /// are no longer kept.
    package func givingBack(_ bytes: SQL, of userID: String) -> SQL {
        let change: SQL = "-(\(bytes))"
        return ", \(room(after: change, of: userID)) \(Self.unlimited.counting(change, of: userID))"
    }

    /// Folds small changes, and returns whether there may be more.
    package func fold(on connection: Connection) throws -> Bool {
        let results = try connection.together([
            "SELECT set_config('synchronous_commit', 'off', true)",
            "SELECT fold_storage(\(user ?? .max), \(guest ?? .max))",
        ])
        return try results[1].only.decode(Int.self) == 5_000
    }
}
