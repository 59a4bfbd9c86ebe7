/// Lines to paste into another terminal, one for every interesting case of the data set.
///
/// They work in the order in which they are shown, after the walk. The word in capitals at the end of a caption
/// is the reason that the reply must give; a test runs them all.
struct Recipes {
    /// The path of the `offers` socket.
    let offers: String
    /// The path of the `ops` socket.
    let ops: String
    /// The folder with Postgres's socket.
    let database: String

    private typealias Line = (caption: String, command: String)

    /// Shows what to try first, and with `all` the other cases after it.
    func show(all: Bool) {
        Screen.show(
            """

            Still serving. Ctrl-C ends it. \(all ? "Lines" : "Three things") to try in another terminal:

            """)
        for (caption, command) in all ? first + others : first { Screen.show("# \(caption)\n\(command)\n") }
        if !all {
            Screen.show("swift run offers-demo --recipes shows \(others.count) more: refusals, operators, database.")
        }
        Screen.show("Ctrl-C ends the demo; Postgres and its folder go with it.")
    }

    /// A list, an accept, and the bot.
    private var first: [Line] {
        [
            (
                "the list of master \(DataSet.master), at most 2 of it",
                offers(#""listOffers","params":[\#(DataSet.master),2]"#)
            ),
            ("accept order \(DataSet.endless), which is one of them", accept(DataSet.master, DataSet.endless)),
            (
                "what a master sees in Telegram: the bot's screens, buttons by number",
                """
                swift run offers-bot console --telegram-user \(DataSet.telegramUser) \\
                  --socket \(offers)
                """
            ),
        ]
    }

    /// One for every other case.
    private var others: [Line] {
        let (master, blocked, limited, inactive) = (
            DataSet.master, DataSet.blockedMaster, DataSet.limitedMaster, DataSet.inactiveMaster
        )
        return [
            ("the card of an order", offers(#""getOffer","params":[\#(master),\#(DataSet.viewed)]"#)),
            (
                "decline it; a second decline says alreadyDeclined",
                offers(#""declineOffer","params":[\#(master),\#(DataSet.viewed)]"#)
            ),
            (
                "accept an order under guarantee, and list, in one write: it is not listed",
                sent(
                    """
                    printf '%s\\n' \\
                      '\(request(#""acceptOffer","params":[\#(master),\#(DataSet.guarantee)]"#))' \\
                      '\(request(#""listOffers","params":[\#(master)]"#, id: 2))' |
                    """, to: offers)
            ),
            ("a deferred order is not listed, but can be accepted", accept(master, DataSet.deferred)),
            ("assigned to this master by the office: a success", accept(master, DataSet.own)),
            ("the offer has expired: OFFER_EXPIRED", accept(master, DataSet.expired)),
            ("the master has declined it: OFFER_DECLINED", accept(master, DataSet.declined)),
            ("the offer was withdrawn: OFFER_CANCELED", accept(master, DataSet.withdrawn)),
            ("the offer is open, the order is another's: ORDER_TAKEN", accept(master, DataSet.taken)),
            ("the client canceled the order: ORDER_NOT_AVAILABLE", accept(master, DataSet.canceled)),
            ("not offered to this master: OFFER_NOT_FOUND", accept(master, DataSet.others)),
            ("a blocked master: MASTER_BLOCKED", accept(blocked, DataSet.others)),
            ("a master at the limit of active orders: LIMIT_REACHED", accept(limited, DataSet.others)),
            ("a master who is not approved yet: MASTER_NOT_ACTIVE", accept(inactive, DataSet.others)),
            ("no such master: MASTER_NOT_FOUND", offers(#""listOffers","params":[4711]"#)),
            ("a typing error is never ignored: INVALID_PARAMS", offers(#""listOffers","params":{"masterID":7}"#)),
            ("the health of the service, on the operators' socket", ops(#""health""#)),
            ("counters and latencies", ops(#""metrics""#)),
            (
                "the operators' socket refuses writes: FORBIDDEN",
                ops(#""acceptOffer","params":[\#(master),\#(DataSet.viewed)]"#)
            ),
            ("the database behind it", "psql -h \(database) -U postgres -c 'TABLE offers'"),
        ]
    }

    private func accept(_ master: Int64, _ order: Int64) -> String {
        offers(#""acceptOffer","params":[\#(master),\#(order)]"#)
    }

    private func offers(_ call: String) -> String {
        sent("echo '\(request(call))' |", to: offers)
    }

    private func ops(_ call: String) -> String {
        sent("echo '\(request(call))' |", to: ops)
    }

    private func request(_ call: String, id: Int = 1) -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":\#(call)}"#
    }

    /// Without -t10 socat would wait only half a second for a reply.
    private func sent(_ input: String, to socket: String) -> String {
        "\(input)\n  socat -t10 - UNIX-CONNECT:\(socket)"
    }
}
