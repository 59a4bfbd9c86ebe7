import Postgres

/// One number of `metrics`, with its names in both forms. The names are part of the contract.
struct Figure<Source>: Sendable {
    /// The member in JSON.
    let member: StaticString
    /// The family in the text exposition.
    let family: String
    let kind: PrometheusText.Kind
    /// The family's HELP.
    let help: String
    /// What tells it apart from others of its family.
    let labels: KeyValuePairs<String, String>
    let value: @Sendable (Source) -> Int

    init(
        _ member: StaticString, _ family: String, _ kind: PrometheusText.Kind, _ help: String,
        _ labels: KeyValuePairs<String, String> = [:], _ value: @escaping @Sendable (Source) -> Int
    ) {
        self.member = member
        self.family = family
        self.kind = kind
        self.help = help
        self.labels = labels
        self.value = value
    }
}

extension PoolStatus.Connections {
    /// The numbers of the connections of one kind.
    static let figures: [Figure<PoolStatus.Connections>] = [
        Figure("connections", "offersd_pool_size", .gauge, "Database connections that there are to be.") {
            $0.connections
        },
        Figure("connected", "offersd_pool_connections", .gauge, "Database connections that are open.") { $0.connected },
        Figure("busy", "offersd_pool_connections_busy", .gauge, "Database connections that are working.") { $0.busy },
        Figure("waiting", "offersd_pool_waiting", .gauge, "Requests that wait for a database connection.") {
            $0.waiting
        },
        Figure("opened", "offersd_pool_opened_total", .counter, "Database connections opened.") { $0.opened },
        Figure(
            "failedAttempts", "offersd_pool_connect_failures_total", .counter, "Attempts to open one that failed."
        ) { $0.failedAttempts },
    ]
}

extension ServiceMetrics.Snapshot {
    /// The numbers of the whole service.
    static let figures: [Figure<ServiceMetrics.Snapshot>] = [
        Figure(
            "requests", "offersd_pool_requests", .gauge, "Requests that wait for or use a database connection."
        ) { $0.pool.requests },
        Figure("readRetries", retries, .counter, retriesHelp, ["kind": "read"]) { $0.pool.readRetries },
        Figure("claimRetries", retries, .counter, retriesHelp, ["kind": "claim"]) { $0.writeRetries },
        Figure("claimSeparations", retries, .counter, retriesHelp, ["kind": "separation"]) {
            $0.pool.writes.batchSplits
        },
        Figure(
            "distributionMetricsWritten", "offersd_distribution_metrics_written_total", .counter,
            "Optional rows that were written."
        ) { $0.distributionMetricsWritten },
        Figure(
            "distributionMetricsFailures", "offersd_distribution_metrics_failures_total", .counter,
            "Optional rows that could not be written."
        ) { $0.distributionMetricsFailures },
        Figure(
            "logLinesDropped", "offersd_log_dropped_total", .counter,
            "Lines of the log that were dropped because its reader did not take them."
        ) { $0.droppedLogLines },
    ]

    private static let retries = "offersd_retries_total"
    private static let retriesHelp =
        "What was run again because of a conflict, a lost connection, or what it shared a transaction with."
}
