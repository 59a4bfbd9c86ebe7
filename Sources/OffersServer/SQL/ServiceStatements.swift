import Postgres

/// One of the statements that the service sends.
struct ServiceStatement: Sendable {
    /// The work that does not get done without it.
    let work: Work
    let statement: Statement
    /// The same, for the server to explain.
    let explained: Statement

    init(_ work: Work, _ statement: Statement) {
        self.work = work
        self.statement = statement
        // Lists are counted by `pg_stat_statements`, which takes an explained statement for the same one
        // under some of its settings. Inside another one it is not.
        let sql = work == .listOffers ? "SELECT * FROM (\(statement.sql)) AS explained" : statement.sql
        explained = Statement(
            statement.name + "_explained", parameters: statement.parameterTypes, sql: "EXPLAIN " + sql)
    }
}

/// All statements of the service, in one place: `offersd check` proves each of them, and tests draw from here. Those of
/// ``TrialStatements`` that are not here are proven by being run.
enum ServiceStatements {
    /// The list in one form, with the master named by either id.
    static func list(_ form: ListOffersQuery.Form) -> [ServiceStatement] {
        ListOffersQuery.statement(of: form).forms.map { ServiceStatement(.listOffers, $0) }
    }

    static let card = GetOfferQuery.statement.forms.map { ServiceStatement(.getOffer, $0) }

    /// All of them, for a database of this kind.
    static func all(
        uniqueOpenPairs: Bool, readsHistory: Bool, metricsTable: MetricsTable?
    ) -> [ServiceStatement] {
        list(.distinct) + (uniqueOpenPairs ? list(.unique) : []) + card
            + (WriteLocks.statement.forms + WriteLocks.ofFree.forms + AcceptOfferStatement.statement.forms).map {
                ServiceStatement(.acceptOffer, $0)
            }
            + DeclineOfferStatement.statement.forms.map { ServiceStatement(.declineOffer, $0) }
            + (ExplainListQuery.statement.forms + ExplainOfferQuery.statement(.withoutHistory).forms
            + (readsHistory ? ExplainOfferQuery.statement(.complete).forms : []))
            .map { ServiceStatement(.explainOffer, $0) }
            + (metricsTable.map { [ServiceStatement(.distributionMetrics, $0.insert)] } ?? [])
            + ([HealthQuery.bound.statement, BackendEnd.statement] + Inspection.statements).map {
                ServiceStatement(.supervision, $0)
            }
            + [
                ServiceStatement(.supervision, TableLocks.query),
                ServiceStatement(.acceptOffer, TrialStatements.pairs),
                ServiceStatement(.getOffer, TrialStatements.newest),
            ]
    }
}
