/// One answer of the server in a pipeline, as far as `ReadAnswers` and `TransactionAnswers` look at it.
struct ServerAnswer<Rows> {
    let failure: ServerMessage?
    /// Whether one before it failed.
    let wasSkipped: Bool
    /// What the server says it did; empty where that does not matter.
    var tag = ""
    let rows: Rows
    /// How often the server has warned on this connection, by then, that a standby has not confirmed a COMMIT.
    var unconfirmedCommits = 0
}
