import Testing

@testable import Postgres

/// What is kept of an error of the server, by the codes of its fields.
@Suite struct ServerMessageTests {
    private func message(_ fields: [Character: String]) -> ServerMessage {
        ServerMessage(statement: "offersd_accept") { fields[$0] }
    }

    @Test("Names of objects are kept; DETAIL and CONTEXT, which quote rows, are not")
    func objects() {
        let message = message([
            "C": "23514", "M": "new row violates check constraint", "D": "Failing row contains (+70000000000).",
            "W": "SQL function \"f\" statement 1", "s": "public", "t": "orders", "n": "ck_orders",
            "R": "ExecConstraints",
        ])
        #expect(
            message.description
                == "23514 in offersd_accept (table orders, constraint ck_orders): new row violates check constraint")
        #expect(message.summary == "23514 in offersd_accept (table orders, constraint ck_orders)")
    }

    @Test(
        "Of what a function or trigger raised only the code is kept, in whatever language the server speaks",
        arguments: [
            ["W": "PL/pgSQL function refuse() line 3 at RAISE"],
            ["W": "функция PL/pgSQL refuse(), строка 3, оператор RAISE"],
            ["W": "PL/Python function \"refuse\""], ["R": "exec_stmt_raise"],
        ] as [[Character: String]])
    func functions(fields: [Character: String]) {
        let message = message(
            fields.merging(["C": "P0001", "M": "not for Ann", "t": "+70000000000", "D": "more of Ann"]) { $1 })
        #expect(message.description == "P0001 in offersd_accept (raised by a function or trigger of the database)")
        #expect(message.isFromFunction)
    }

    @Test("A message that may quote a value is kept only if it is about the text of our statement")
    func values() {
        let text = "invalid input value for enum order_status: \"ASSIGNED\""
        #expect(message(["C": "22P02", "M": text, "P": "93"]).text == text)
        #expect(message(["C": "22P02", "M": "invalid input syntax for type integer: \"+70000000000\""]).text == nil)
        #expect(
            message(["C": "2200H", "M": "nextval: reached maximum value"]).text == "nextval: reached maximum value")
    }

    @Test("0A000 means a stale plan only if it says so by its routine")
    func stale() {
        #expect(message(["C": "0A000", "R": "RevalidateCachedQuery"]).isStalePreparation)
        #expect(message(["C": "0A000", "R": "RevalidateCachedQuery"]).closesConnection)
        for routine in ["rewriteRuleAction", "RewriteQuery", nil] {
            let fields: [Character: String?] = ["C": "0A000", "R": routine]
            let message = ServerMessage(statement: "x") { fields[$0] ?? nil }
            #expect(!message.isStalePreparation && !message.closesConnection)
        }
        #expect(message(["C": "26000"]).isStalePreparation)
    }

    @Test(
        "The code that a function raises is not the server's, whichever it is; the server's own inside a function is",
        arguments: ["57014", "55P03", "57P01", "25006", "08006", "53300", "53100", "42501", "26000"])
    func raised(code: String) {
        let context = "PL/pgSQL function refuse() line 3 at RAISE"
        for routine in ["exec_stmt_raise", "PLy_output", "pgfdw_report_error"] {
            let raised = message(["C": code, "W": context, "R": routine])
            #expect(raised.isRaised)
            #expect(!raised.isConflict && !raised.isTimeout && !raised.closesConnection)
            #expect(!raised.isInability && !raised.isMissingObject && !raised.isStalePreparation)
        }
        let own = message(["C": code, "W": context, "R": "ProcessInterrupts"])
        #expect(!own.isRaised && own.isFromFunction)
        #expect(own.isTimeout || own.closesConnection || own.isInability || own.isMissingObject)
    }

    @Test("A conflict is one, whatever reports it", arguments: ["40001", "40P01"])
    func conflict(code: String) {
        #expect(message(["C": code, "R": "exec_stmt_raise"]).isConflict)
        #expect(message(["C": code, "R": "heap_update"]).isConflict)
    }

    @Test(
        "What the server cannot do at present is told from what it refuses",
        arguments: [
            ("53100", true), ("53200", true), ("54000", true), ("54001", true), ("57P03", true), ("58030", true),
            ("XX001", true), ("XX002", true), ("57014", false), ("XX000", false), ("23514", false), ("0A000", false),
            ("22P02", false), ("55000", false), ("P0001", false),
        ])
    func inability(code: String, isInability: Bool) {
        #expect(SQLState(rawValue: code).isInability == isInability)
    }
}
