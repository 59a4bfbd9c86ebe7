import Postgres

/// What survives the loss of the primary: whether a commit that was acknowledged is on a standby, too. PostgreSQL
/// manual, sections 20.5.1 and 20.6.2.
struct Durability: Sendable, Equatable {
    /// `synchronous_commit`, as a session of this role has it.
    var commit: String
    /// `synchronous_standby_names`; empty: no commit waits for a standby.
    var standbys: String
    /// `fsync`.
    var isFlushed: Bool

    static let query = Statement(
        "offersd_durability",
        sql: """
            SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
                current_setting('fsync') = 'on'
            """)

    init(commit: String, standbys: String, isFlushed: Bool) {
        self.commit = commit
        self.standbys = standbys
        self.isFlushed = isFlushed
    }

    init(_ rows: QueryResult) throws(ResultMismatch) {
        commit = try rows.requiredText(row: 0, column: 0)
        standbys = try rows.requiredText(row: 0, column: 1)
        isFlushed = try rows.bool(row: 0, column: 2) == true
    }

    /// Sentences for an operator of several servers.
    var notes: [String] {
        var notes: [String] = []
        if standbys.isEmpty {
            notes.append(
                "note: accepts wait for no standby, as synchronous_standby_names is empty: those that were acknowledged "
                    + "last are lost when another server becomes the primary. With Patroni: synchronous_mode.")
        } else {
            notes.append("accepts wait for a standby: synchronous_standby_names is \(standbys)")
        }
        switch commit {
        case "remote_write" where !standbys.isEmpty:
            notes.append(
                "note: synchronous_commit is remote_write: accepts that were acknowledged last are lost when primary and "
                    + "standby lose their power together.")
        case "off", "local":
            notes.append(
                "note: synchronous_commit is \(commit) for this role: accepts and declines wait all the same, what other "
                    + "programs write does not.")
        default: break
        }
        if !isFlushed {
            notes.append(
                "note: fsync is off: accepts that were acknowledged are lost when the primary loses its power.")
        }
        return notes
    }
}
