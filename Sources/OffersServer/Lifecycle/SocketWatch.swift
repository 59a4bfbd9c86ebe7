import Dispatch
import JSONRPC
import Logging
import ServiceLifecycle
import Synchronization

/// Watches the files of the sockets: without its file no client finds a socket, and the service notices nothing of it.
///
/// Each change is said once in the log. What is wrong now is in ``notes``.
final class SocketWatch: Sendable {
    private let listeners: [Listener]
    private let logger: Logger
    private let conditions: Mutex<[Listener.FileCondition]>
    /// Looks at files on a thread of its own: a file system may hang.
    private let queue = DispatchQueue(label: "offersd.sockets")

    /// How often the files are looked at.
    private static let period = Duration.seconds(1)

    init(_ listeners: [Listener], logger: Logger) {
        self.listeners = listeners
        self.logger = logger
        conditions = Mutex(listeners.map { _ in .present })
    }

    /// A sentence without its full stop for each socket that clients cannot reach.
    var notes: [String] {
        conditions.withLock { conditions in
            zip(listeners, conditions).compactMap { Self.note($0, $1) }
        }
    }

    /// Looks until it is cancelled or the shutdown begins, which removes files.
    func run() async {
        repeat {
            let found = await look()
            if Task.isShuttingDownGracefully { return }
            let before = conditions.withLock { conditions in
                defer { conditions = found }
                return conditions
            }
            for (listener, (old, new)) in zip(listeners, zip(before, found)) where old != new {
                if let note = Self.note(listener, new) {
                    logger.error("\(note)", metadata: ["socket": "\(listener.name)"])
                } else {
                    logger.notice(
                        "the socket file \(listener.path ?? "") is in order again",
                        metadata: ["socket": "\(listener.name)"])
                }
            }
        } while (try? await Task.sleep(for: Self.period)) != nil
    }

    private func look() async -> [Listener.FileCondition] {
        await withCheckedContinuation { continuation in
            queue.async { [listeners] in continuation.resume(returning: listeners.map { $0.fileCondition() }) }
        }
    }

    private static func note(_ listener: Listener, _ condition: Listener.FileCondition) -> String? {
        let remedy = listener.isAdopted ? "restart its socket unit, such as offersd.socket" : "restart offersd"
        return switch condition {
        case .present: nil
        case .gone: "the socket file \(listener.path ?? "") is gone, so that clients cannot connect: \(remedy)"
        case .replaced: "another file has replaced the socket file \(listener.path ?? ""): \(remedy)"
        case .unwritable:
            "the socket file \(listener.path ?? "") has lost rights to write, so that clients cannot connect: \(remedy)"
        }
    }
}
