import ArgumentParser
import JSONRPC
import Logging
import NIOCore
import OffersServer
import Postgres

/// The flags of `offersd serve`. Each has an environment variable, named in brackets; a flag beats the variable.
struct ServeOptions: ParsableArguments {
    @Option(help: "Path of the socket with all methods. [OFFERSD_SOCKET]")
    var socket: String?
    @Option(help: "Path of the socket for operators, without writes. [OFFERSD_OPS_SOCKET]")
    var opsSocket: String?
    @Flag(help: "Allow accept and decline on the operators' socket. [OFFERSD_OPS_WRITES]")
    var opsWrites = false
    @Flag(help: "Prepare no statements and set nothing per session, for a transaction pooler. [OFFERSD_NO_PREPARED_STATEMENTS]")
    var noPreparedStatements = false
    @Option(help: "Database connections for reads, default 2. [OFFERSD_READ_CONNECTIONS]")
    var readConnections: Int?
    @Option(help: "Database connections for accept and decline, default 8. [OFFERSD_WRITE_CONNECTIONS]")
    var writeConnections: Int?
    @Option(help: "Requests that one read connection sends at once, default 64. [OFFERSD_MAX_PIPELINE]")
    var maxPipeline: Int?
    @Option(help: "Requests that may wait in all, default 4096. [OFFERSD_MAX_WAITING]")
    var maxWaiting: Int?
    @Option(help: "Deadline of a read in milliseconds, default 2000. [OFFERSD_READ_DEADLINE_MS]")
    var readDeadlineMs: Int?
    @Option(help: "Deadline of accept and decline in milliseconds, default 5000. [OFFERSD_WRITE_DEADLINE_MS]")
    var writeDeadlineMs: Int?
    @Option(help: "Bytes of one line, default 65536. [OFFERSD_MAX_LINE_BYTES]")
    var maxLineBytes: Int?
    @Option(help: "Requests of one batch, default 50. [OFFERSD_MAX_BATCH]")
    var maxBatch: Int?
    @Option(help: "Requests read ahead per connection, default 64. [OFFERSD_READ_AHEAD]")
    var readAhead: Int?
    @Option(help: "Connections per socket, default 1024. [OFFERSD_MAX_CONNECTIONS]")
    var maxConnections: Int?
    @Option(help: "Bytes of output that a client may leave, default 1048576. [OFFERSD_MAX_UNSENT_BYTES]")
    var maxUnsentBytes: Int?
    @Option(help: "Seconds without progress until such a client is closed, default 30. [OFFERSD_STALLED_SECONDS]")
    var stalledSeconds: Int?
    @Option(help: "Seconds that a shutdown may take, default 5. [OFFERSD_DRAIN_SECONDS]")
    var drainSeconds: Int?
    @Option(help: "Threads that serve the sockets, default 1. [OFFERSD_EVENT_LOOPS]")
    var eventLoops: Int?
    @Option(help: "trace, debug, info, notice, warning, error or critical; default info. [OFFERSD_LOG_LEVEL]")
    var logLevel: String?

    /// - Throws: `ValidationError` that names what is wrong.
    func settings(connectionInfo: String) throws -> Settings {
        var settings = Settings()
        settings.socketPath = Environment.text(socket, "OFFERSD_SOCKET")
        settings.opsSocketPath = Environment.text(opsSocket, "OFFERSD_OPS_SOCKET")
        settings.opsWrites = try Environment.isSet(opsWrites, "OFFERSD_OPS_WRITES")
        settings.postgres = try postgres(connectionInfo)
        settings.limits = try limits()
        settings.eventLoops = try Environment.integer(eventLoops, "OFFERSD_EVENT_LOOPS", in: 1...64) ?? 1
        settings.readDeadlineMilliseconds = settings.postgres.readTimeoutMilliseconds
        if let value = try Environment.integer(writeDeadlineMs, "OFFERSD_WRITE_DEADLINE_MS", in: 1000...60_000) {
            settings.writeDeadlineMilliseconds = Int64(value)
        }
        return settings
    }

    /// - Throws: `ValidationError` when there is no such level.
    func level() throws -> Logger.Level {
        guard let text = Environment.text(logLevel, "OFFERSD_LOG_LEVEL") else { return .info }
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError(
                "log level \"\(text)\": allowed are \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }

    private func postgres(_ connectionInfo: String) throws -> PostgresConfiguration {
        var postgres = PostgresConfiguration(connectionInfo: connectionInfo)
        postgres.preparesStatements =
            try !Environment.isSet(noPreparedStatements, "OFFERSD_NO_PREPARED_STATEMENTS")
        if let value = try Environment.integer(readConnections, "OFFERSD_READ_CONNECTIONS", in: 1...64) {
            postgres.readConnections = value
        }
        if let value = try Environment.integer(writeConnections, "OFFERSD_WRITE_CONNECTIONS", in: 1...256) {
            postgres.writeConnections = value
        }
        if let value = try Environment.integer(maxPipeline, "OFFERSD_MAX_PIPELINE", in: 1...1024) {
            postgres.maximumPipeline = value
        }
        if let value = try Environment.integer(maxWaiting, "OFFERSD_MAX_WAITING", in: 1...1_000_000) {
            postgres.maximumRequests = value
        }
        if let value = try Environment.integer(readDeadlineMs, "OFFERSD_READ_DEADLINE_MS", in: 100...60_000) {
            postgres.readTimeoutMilliseconds = Int64(value)
        }
        return postgres
    }

    private func limits() throws -> Limits {
        var limits = Limits()
        if let value = try Environment.integer(maxLineBytes, "OFFERSD_MAX_LINE_BYTES", in: 256...16_777_216) {
            limits.maximumLineBytes = value
        }
        if let value = try Environment.integer(maxBatch, "OFFERSD_MAX_BATCH", in: 1...10_000) {
            limits.maximumBatch = value
        }
        if let value = try Environment.integer(readAhead, "OFFERSD_READ_AHEAD", in: 1...10_000) {
            limits.readAhead = value
        }
        if let value = try Environment.integer(maxConnections, "OFFERSD_MAX_CONNECTIONS", in: 1...100_000) {
            limits.connectionsPerSocket = value
        }
        if let value = try Environment.integer(maxUnsentBytes, "OFFERSD_MAX_UNSENT_BYTES", in: 1024...1_073_741_824) {
            limits.unsentBytes = value
        }
        if let value = try Environment.integer(stalledSeconds, "OFFERSD_STALLED_SECONDS", in: 1...3600) {
            limits.stalledOutput = .seconds(Int64(value))
        }
        if let value = try Environment.integer(drainSeconds, "OFFERSD_DRAIN_SECONDS", in: 1...600) {
            limits.drain = .seconds(value)
        }
        return limits
    }
}
