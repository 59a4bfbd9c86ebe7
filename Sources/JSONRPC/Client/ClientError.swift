/// Why a client has no reply. What the service itself refuses is an `RPCError`.
package enum ClientError: Error, Equatable, CustomStringConvertible {
    /// There is no connection: no such socket, no process that listens, or no right to it. Nothing was sent.
    case cannotConnect(path: String, reason: String)
    /// The connection ended before the reply came. Whether the request was carried out is not known.
    case connectionLost
    /// The time was over before the reply came. Whether the request was or will be carried out is not known.
    case deadlineExceeded
    /// The service sent something that is not a JSON-RPC reply, or a reply to no request. The connection is closed.
    case protocolViolation(String)

    /// A sentence for people.
    package var description: String {
        switch self {
        case .cannotConnect(let path, let reason): "cannot connect to \(path): \(reason)"
        case .connectionLost: "the connection to the service was lost before it answered"
        case .deadlineExceeded: "the service did not answer in time"
        case .protocolViolation(let what): "the service does not speak JSON-RPC: \(what)"
        }
    }
}
