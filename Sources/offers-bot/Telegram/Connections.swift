import AsyncHTTPClient
import NIOCore
import NIOPosix
import Synchronization

/// Connections to one host that can be given up all at once, so that nothing is sent into one of which the other end
/// has gone without a word.
final class Connections: Sendable {
    /// A set of connections. It is shut down when it has been given up and its last request has ended.
    final class Line: Sendable {
        fileprivate let client: HTTPClient
        private let state = Mutex((requests: 0, isGivenUp: false, isShutDown: false))

        fileprivate init(_ client: HTTPClient) {
            self.client = client
        }

        /// Returns false if it has been given up.
        fileprivate func begin() -> Bool {
            state.withLock { state in
                guard !state.isGivenUp else { return false }
                state.requests += 1
                return true
            }
        }

        fileprivate func end() { state.withLock { $0.requests -= 1 } }
        fileprivate func giveUp() { state.withLock { $0.isGivenUp = true } }

        fileprivate func shutDownIfUnused() async {
            let isDone = state.withLock { state in
                guard state.isGivenUp, state.requests == 0, !state.isShutDown else { return false }
                state.isShutDown = true
                return true
            }
            if isDone { try? await client.shutdown() }
        }
    }

    private let line: Mutex<Line>
    private let limit: Int

    /// - Parameter limit: How many there may be at a time.
    init(limit: Int) {
        self.limit = limit
        line = Mutex(Self.line(limit))
    }

    private static func line(_ limit: Int) -> Line {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // One connection per request in flight; in one HTTP/2 connection they would share its fate.
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = limit
        // The longer a connection lies idle, the likelier it is that something in between has forgotten it.
        configuration.connectionPool.idleTimeout = .seconds(10)
        configuration.timeout.connect = .seconds(4)
        return Line(HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration))
    }

    /// Makes a request on one of the connections.
    ///
    /// - Parameter isDead: Whether an error means that the connections are not to be used again.
    func use<Value>(isDead: (any Error) -> Bool, _ body: (HTTPClient) async throws -> Value) async throws -> Value {
        var current = line.withLock { $0 }
        while !current.begin() { current = line.withLock { $0 } }
        do {
            let value = try await body(current.client)
            current.end()
            await current.shutDownIfUnused()
            return value
        } catch {
            current.end()
            if isDead(error) { giveUp(current) }
            await current.shutDownIfUnused()
            throw error
        }
    }

    /// New requests have new connections from now on.
    func renew() async {
        let current = line.withLock { $0 }
        giveUp(current)
        await current.shutDownIfUnused()
    }

    /// Ends all of them. Nothing may use them any more.
    func close() async {
        let current = line.withLock { $0 }
        current.giveUp()
        await current.shutDownIfUnused()
    }

    private func giveUp(_ given: Line) {
        line.withLock { line in
            guard line === given else { return }
            line = Self.line(limit)
        }
        given.giveUp()
    }
}
