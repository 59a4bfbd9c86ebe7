import JSONRPC
import TestDatabase
import Testing

extension RunningService {
    /// The result of `health`.
    func health() async throws -> JSONValue {
        try #require(try await exchange(#"{"jsonrpc":"2.0","id":1,"method":"health"}"#).first?["result"])
    }

    /// The result of `metrics`.
    func metrics() async throws -> JSONValue {
        try #require(try await exchange(#"{"jsonrpc":"2.0","id":1,"method":"metrics"}"#).first?["result"])
    }

    /// Returns once a write finds a connection: on a busy machine the first attempt may take longer than the service
    /// waits for it, and a write that comes meanwhile is DATABASE_UNAVAILABLE.
    func waitUntilConnected() async throws {
        _ = try await eventually(
            { try await metrics()["pool"]?["writes"]?["connected"]?.int64Value }, until: { $0 ?? 0 > 0 })
    }

    /// Returns once the service has looked at its database and has a connection of each kind; each one that is opened
    /// has it look again, and the one that is waited for here is opened last.
    @discardableResult
    func waitUntilInspected() async throws -> JSONValue {
        _ = try await eventually(
            { try await metrics()["pool"]?["control"]?["connected"]?.int64Value }, until: { $0 ?? 0 > 0 })
        _ = try await eventually({ log.texts }, until: { $0.contains { $0.hasPrefix("database is of generation") } })
        return try await health()
    }
}
