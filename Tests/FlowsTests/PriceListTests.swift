import Flows
import Postgres
import TestSupport
import Testing

@Suite struct PriceListTests {
    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
    }

    @Test func unpricedTaskTypesAreFreeAndActive() throws {
        let prices = try PriceList(on: connection)
        #expect(prices["a"] == 0 && prices.isActive("a"))
    }

    @Test func costAndStateAreSetIndependently() throws {
        #expect(try Price.set("a", cost: 5, isActive: nil, on: connection) == Price(cost: 5, isActive: true))
        #expect(try Price.set("a", cost: nil, isActive: false, on: connection) == Price(cost: 5, isActive: false))
        #expect(try Price.set("a", cost: 7, isActive: nil, on: connection) == Price(cost: 7, isActive: false))
        #expect(try Price.set("b", cost: nil, isActive: false, on: connection) == Price(cost: 0, isActive: false))
        #expect(try Price.set("a", cost: nil, isActive: nil, on: connection) == Price(cost: 7, isActive: false))
        let prices = try PriceList(on: connection)
        #expect(prices["a"] == 7 && !prices.isActive("a"))
        #expect(prices["b"] == 0 && !prices.isActive("b"))
        #expect(throws: PostgresError.self) { try Price.set("a", cost: -1, isActive: nil, on: connection) }
    }

    @Test func anInitialPriceDoesNotReplaceASetPrice() throws {
        _ = try Price.set("a", cost: 1, isActive: nil, on: connection)
        for type in ["a", "b"] { for _ in 1...2 { try Price.setFirst(5, of: type, on: connection) } }
        let prices = try PriceList(on: connection)
        #expect(prices["a"] == 1 && prices["b"] == 5)
    }
}
