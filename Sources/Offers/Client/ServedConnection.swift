package import JSONRPC

/// An attempt to write ended before its request was sent: nothing was sent that can take effect.
package struct NotSent: Error {
    /// What came instead: a `ClientError`, an `RPCError`, or an error of the socket itself.
    package let cause: any Error

    /// Wraps what came instead.
    package init(cause: any Error) {
        self.cause = cause
    }
}

extension Client {
    /// Connects, and lends the client when the service has answered a read on the connection.
    ///
    /// A socket that systemd holds for a service that cannot start takes connections and bytes, and the service may
    /// carry them out much later. So a write is sent only on a connection that has answered something.
    ///
    /// - Parameters:
    ///   - path: The socket.
    ///   - deadline: How long to wait for the answer to that read.
    ///   - body: Uses the client.
    /// - Throws: ``NotSent`` before `body` is called, then what `body` throws; `CancellationError`.
    package static func withServedConnection<Result>(
        to path: String, deadline: Duration, _ body: (Client) async throws -> Result
    ) async throws -> Result {
        var isServed = false
        do {
            return try await withConnection(to: path) { client in
                do {
                    // It does not ask the database.
                    _ = try await client.call(Contract.metrics.name, deadline: deadline)
                } catch let refusal as RPCError where !refusal.isOfEveryRequest {
                    // Any other refusal is an answer as good as a result.
                }
                isServed = true
                return try await body(client)
            }
        } catch let cancellation as CancellationError {
            throw cancellation
        } catch  where !isServed {
            throw NotSent(cause: error)
        }
    }
}

extension RPCError {
    /// Whether it says that the service takes no request at all.
    fileprivate var isOfEveryRequest: Bool {
        knownReason == .overloaded || knownReason == .shuttingDown
    }
}
