import ArgumentParser
import JSONRPC
import Logging
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
    @Option(help: "Database connections for reads, default 2. [OFFERSD_READ_CONNECTIONS]")
    var readConnections: Int?
    @Option(help: "Database connections for accept and decline, default 8. [OFFERSD_WRITE_CONNECTIONS]")
    var writeConnections: Int?
    @Option(
        help:
            "How many of those work at the same time, besides those that have taken 50 ms, default 2. [OFFERSD_WRITE_PARALLELISM]"
    )
    var writeParallelism: Int?
    @Option(
        help: "Accepts that share one transaction, default 16; 1: each has its own. [OFFERSD_MAX_ACCEPT_GROUP]")
    var maxAcceptGroup: Int?
    @Option(help: "Requests that one read connection sends at once, default 64. [OFFERSD_MAX_PIPELINE]")
    var maxPipeline: Int?
    @Option(help: "Requests that may wait in all, default 4096. [OFFERSD_MAX_WAITING]")
    var maxWaiting: Int?
    @Option(help: "Bytes of one line, default 65536. [OFFERSD_MAX_LINE_BYTES]")
    var maxLineBytes: Int?
    @Option(help: "Requests of one batch, default 50. [OFFERSD_MAX_BATCH]")
    var maxBatch: Int?
    @Option(help: "Requests read ahead per connection, default 64. [OFFERSD_READ_AHEAD]")
    var readAhead: Int?
    @Option(help: "Connections per socket, default 1024. [OFFERSD_MAX_CONNECTIONS]")
    var maxConnections: Int?
    @Option(help: "New connections per socket and second, default 4000. [OFFERSD_CONNECTION_RATE]")
    var connectionRate: Int?
    @Option(help: "New connections per socket at once, default 128. [OFFERSD_CONNECTION_BURST]")
    var connectionBurst: Int?
    @Option(help: "Bytes of output that a client may leave, default 1048576. [OFFERSD_MAX_UNSENT_BYTES]")
    var maxUnsentBytes: Int?
    @Option(help: "Seconds without progress until such a client is closed, default 30. [OFFERSD_STALLED_SECONDS]")
    var stalledSeconds: Int?
    @Option(help: "Seconds that a shutdown may take, default 5. [OFFERSD_DRAIN_SECONDS]")
    var drainSeconds: Int?
    @Option(help: "Threads that serve the sockets, default 1. [OFFERSD_EVENT_LOOPS]")
    var eventLoops: Int?
    @Option(
        help: "Milliseconds from which on a request is logged as slow, default 1000. [OFFERSD_SLOW_REQUEST_MS]")
    var slowRequestMs: Int?
    @Option(help: "trace, debug, info, notice, warning, error or critical; default info. [OFFERSD_LOG_LEVEL]")
    var logLevel: String?

    /// - Throws: `ValidationError` that names what is wrong.
    func settings(_ database: DatabaseOptions) throws -> Settings {
        var settings = try database.settings()
        settings.socketPath = Environment.text(socket, "OFFERSD_SOCKET")
        settings.opsSocketPath = Environment.text(opsSocket, "OFFERSD_OPS_SOCKET")
        settings.opsWrites = try Environment.isSet(opsWrites, "OFFERSD_OPS_WRITES")
        for (flag, variable, range, setting) in counts {
            guard let value = try Environment.integer(flag, variable, in: range) else { continue }
            settings[keyPath: setting] = value
        }
        for (flag, variable, range, unit, setting) in times {
            guard let value = try Environment.integer(flag, variable, in: range) else { continue }
            settings[keyPath: setting] = unit * value
        }
        return settings
    }

    private var counts: [(Int?, String, ClosedRange<Int>, WritableKeyPath<Settings, Int>)] {
        [
            (eventLoops, "OFFERSD_EVENT_LOOPS", 1...64, \.eventLoops),
            (readConnections, "OFFERSD_READ_CONNECTIONS", 1...64, \.postgres.readConnections),
            (writeConnections, "OFFERSD_WRITE_CONNECTIONS", 1...256, \.postgres.writeConnections),
            (writeParallelism, "OFFERSD_WRITE_PARALLELISM", 1...256, \.postgres.writeParallelism),
            (maxAcceptGroup, "OFFERSD_MAX_ACCEPT_GROUP", 1...1000, \.postgres.maximumGroup),
            (maxPipeline, "OFFERSD_MAX_PIPELINE", 1...1024, \.postgres.maximumPipeline),
            (maxWaiting, "OFFERSD_MAX_WAITING", 1...1_000_000, \.postgres.maximumWaiting),
            (maxLineBytes, "OFFERSD_MAX_LINE_BYTES", 256...16_777_216, \.limits.maximumLineBytes),
            (maxBatch, "OFFERSD_MAX_BATCH", 1...10_000, \.limits.maximumBatch),
            (readAhead, "OFFERSD_READ_AHEAD", 1...10_000, \.limits.readAhead),
            (maxConnections, "OFFERSD_MAX_CONNECTIONS", 1...100_000, \.limits.maximumConnections),
            (connectionRate, "OFFERSD_CONNECTION_RATE", 1...1_000_000, \.limits.connectionRate),
            (connectionBurst, "OFFERSD_CONNECTION_BURST", 1...100_000, \.limits.connectionBurst),
            (maxUnsentBytes, "OFFERSD_MAX_UNSENT_BYTES", 1024...1_073_741_824, \.limits.maximumUnsentBytes),
        ]
    }

    private var times: [(Int?, String, ClosedRange<Int>, unit: Duration, WritableKeyPath<Settings, Duration>)] {
        let (milliseconds, seconds) = (Duration.milliseconds(1), Duration.seconds(1))
        return [
            (slowRequestMs, "OFFERSD_SLOW_REQUEST_MS", 1...60_000, milliseconds, \.slowRequest),
            (stalledSeconds, "OFFERSD_STALLED_SECONDS", 1...3600, seconds, \.limits.stalledOutput),
            (drainSeconds, "OFFERSD_DRAIN_SECONDS", 1...600, seconds, \.limits.drain),
        ]
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
}
