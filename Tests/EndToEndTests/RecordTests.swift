import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// The records of operations: access, order, and deletion.
@Suite struct RecordTests {
    let stack: Stack
    let user: TestUser
    /// The ids of four records, in the order of their operations: three additions and a division.
    let ids: [JSON]

    init() throws {
        let stack = try Stack.shared.get()
        let user = try stack.makeUser()
        (self.stack, self.user) = (stack, user)
        ids = try ["addition", "addition", "addition", "division"].map { type in
            try stack.post("/api/operations/\(type)/run", ["arguments": [6, 3]], token: user.token)["record_id"]
        }
    }

    private func list(_ query: String, token: String? = nil) throws -> HTTPAnswer {
        try stack.get("/api/records?\(query)", token: token ?? user.token)
    }

    /// The ids on each page of a list.
    private func pages(_ query: String) throws -> [[JSON]] {
        var pages: [[JSON]] = []
        var cursor = ""
        repeat {
            let page = try list(query + cursor)
            try #require(page.status == 200, "\(page.text)")
            pages.append(page["items"].each("id"))
            cursor = page["next_cursor"].stringValue.map { "&cursor=\($0)" } ?? ""
        } while !cursor.isEmpty && pages.count < 10
        return pages
    }

    @Test func recordsAreListedAndRead() throws {
        let page = try list("")
        #expect(page["items"].each("id") == ids.reversed())
        let newest = try #require(page["items"].arrayValue?.first)
        #expect(
            newest.names == [
                "id", "operation", "arguments", "amount", "user_balance", "result", "user_id", "execution_id",
                "created_at",
            ])
        #expect(newest["operation"] == "division" && newest["result"] == 2 && newest["user_balance"] == 0)
        #expect(try stack.get("/api/records/\(ids[3].stringValue ?? "")", token: user.token).json == newest)
    }

    @Test func recordsAreFilteredAndFieldsSelected() throws {
        #expect(try pages("operation=division") == [[ids[3]]])
        #expect(try pages("operation=addition&sort=created_at&limit=2") == [[ids[0], ids[1]], [ids[2]]])
        #expect(try pages("operation=square_root") == [[]])
        let run = try list("")["items"].each("execution_id")[1].stringValue ?? ""
        #expect(try pages("execution_id=\(run)") == [[ids[2]]])
        let selected = try list("fields=result,operation&limit=2")["items"]
        #expect(selected == [["operation": "division", "result": 2], ["operation": "addition", "result": 9]])
    }

    /// All operations cost the same, so the order by amount is the order of the ids.
    @Test func recordsAreSorted() throws {
        for sort in ["created_at", "-user_balance", "amount"] {
            #expect(try pages("sort=\(sort)&limit=3") == [Array(ids[..<3]), [ids[3]]], "\(sort)")
            #expect(try pages("sort=\(sort)&limit=1") == ids.map { [$0] }, "\(sort)")
        }
        for sort in ["-created_at", "user_balance", "-amount"] {
            #expect(try pages("sort=\(sort)&limit=3").flatMap(\.self) == ids.reversed(), "\(sort)")
        }
        let cursor = try #require(try list("sort=amount&limit=1")["next_cursor"].stringValue)
        for query in ["", "&sort=-created_at", "&sort=user_balance"] {
            expectProblem(try list("cursor=\(cursor)\(query)"), 400, "invalid_cursor", query)
        }
        #expect(try list("sort=-amount&cursor=\(cursor)")["items"] == [], "no record before the first")
    }

    @Test func unknownParametersAreRefused() throws {
        for query in [
            "sort=result", "sort=operation", "sort=--amount", "sort=-", "operation=calc.addition", "operation=",
            "user_id=1", "execution_id='", "amount=5", "deleted_at=1", "fields=deleted_at",
        ] {
            expectProblem(try list(query), 400, nil, query)
        }
    }

    @Test func onlyTheOwnerAndAdminsCanReadRecords() throws {
        let admin = try stack.adminToken()
        let stranger = try stack.makeUser()
        let target = "/api/records/\(ids[0].stringValue ?? "")"
        expectProblem(try stack.get(target, token: stranger.token), 404)
        #expect(try list("", token: stranger.token)["items"] == [])
        #expect(try list("user_id=\(user.id)", token: stranger.token)["items"] == [])
        #expect(try stack.get(target, token: admin).status == 200)
        #expect(try list("user_id=\(user.id)", token: admin)["items"].each("id") == ids.reversed())
        for token in [stranger.token, user.token] {
            expectProblem(try stack.send("DELETE", target, token: token), 403, "forbidden")
        }
        expectChallenge(try stack.get("/api/records"), "token_missing")
    }

    @Test func deletedRecordIsHiddenAndKept() throws {
        let admin = try stack.adminToken()
        let id = try #require(ids[1].stringValue)
        #expect(try stack.send("DELETE", "/api/records/\(id)", token: admin).status == 204)
        for token in [admin, user.token] { expectProblem(try stack.get("/api/records/\(id)", token: token), 404) }
        expectProblem(try stack.send("DELETE", "/api/records/\(id)", token: admin), 404)
        #expect(try pages("") == [[ids[3], ids[2], ids[0]]])
        let isKept = try stack.database.connect().query(
            "SELECT deleted_at IS NOT NULL AND operation = 'addition' FROM records WHERE id = \(id)")
        #expect(try isKept.only.decode(Bool.self))
        #expect(try stack.get("/api/credits", token: user.token)["balance"] == 0, "nothing is refunded")
        #expect(try stack.get("/api/ledger", token: user.token)["items"].arrayValue?.count == 5)
        let audit = try stack.get("/api/audit?action=record_deleted&subject=\(id)", token: admin)
        #expect(audit["items"].arrayValue?.count == 1)
    }
}
