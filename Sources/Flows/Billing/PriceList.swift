package import Postgres

/// The price of each task type, and whether it may be executed: a snapshot.
package struct PriceList: Sendable {
    /// Only of the types that have a price of their own.
    private let prices: [String: Price]

    /// The given prices; every other type has the default price.
    package init(_ prices: [String: Price] = [:]) { self.prices = prices }

    package init(on connection: Connection) throws {
        let rows = try connection.query("SELECT task_type, cost, active FROM prices")
        var prices: [String: Price] = [:]
        for row in rows {
            let (type, cost, isActive) = try row.decode(String.self, Int64.self, Bool.self)
            prices[type] = Price(cost: cost, isActive: isActive)
        }
        self.prices = prices
    }

    /// The price of one successful execution of a task, in whole credits.
    package subscript(type: String) -> Int64 { price(of: type).cost }

    package func isActive(_ type: String) -> Bool { price(of: type).isActive }

    package func price(of type: String) -> Price { prices[type] ?? .free }
}

/// What a task costs each time it succeeds, and whether it may currently be executed.
package struct Price: Sendable, Equatable {
    /// In whole credits.
    package let cost: Int64
    package let isActive: Bool

    /// The default, for a type that has no price of its own.
    static let free = Price(cost: 0, isActive: true)

    package init(cost: Int64, isActive: Bool) {
        self.cost = cost
        self.isActive = isActive
    }

    /// Sets the given parts of a type's price and does not change the others. Returns the resulting price.
    package static func set(_ type: String, cost: Int64?, isActive: Bool?, on connection: Connection) throws -> Price {
        let rows = try connection.query(
            """
            INSERT INTO prices AS p (task_type, cost, active)
            VALUES (\(type), coalesce(\(optional: cost)::bigint, \(free.cost)),
                coalesce(\(optional: isActive)::boolean, \(free.isActive)))
            ON CONFLICT (task_type) DO UPDATE
            SET cost = coalesce(\(optional: cost)::bigint, p.cost),
                active = coalesce(\(optional: isActive)::boolean, p.active)
            RETURNING p.cost, p.active
            """)
        let (cost, isActive) = try rows.only.decode(Int64.self, Bool.self)
        return Price(cost: cost, isActive: isActive)
    }

    /// Sets the price of a type that has no price of its own yet.
    package static func setFirst(_ cost: Int64, of type: String, on connection: Connection) throws {
        try connection.execute(
            "INSERT INTO prices (task_type, cost, active) VALUES (\(type), \(cost), true) ON CONFLICT DO NOTHING")
    }
}
