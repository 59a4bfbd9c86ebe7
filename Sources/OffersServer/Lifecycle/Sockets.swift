import Glibc
import JSONRPC

/// Which sockets a service listens on.
enum Sockets {
    /// No path was given and none can be derived.
    struct NoPath: Error, CustomStringConvertible {
        var description: String {
            "no socket: give --socket PATH, or set OFFERSD_SOCKET, RUNTIME_DIRECTORY or XDG_RUNTIME_DIR"
        }
    }

    /// The sockets that systemd handed over; without any, those of the settings, which are made now.
    static func listeners(_ settings: Settings, environment: [String: String]) throws -> [Listener] {
        let adopted = try SocketActivation.listeners(environment)
        guard adopted.isEmpty else { return adopted }
        guard let path = settings.socketPath ?? defaultPath(environment) else { throw NoPath() }
        if settings.socketPath == nil, runtimeDirectory(environment) == nil {
            // Ours alone, as XDG_RUNTIME_DIR itself. If it cannot be made, binding says what is wrong.
            unsafe mkdir(String(path.dropLast("/offers.sock".count)), 0o700)
        }
        var listeners = [try Listener.bind(path: path, name: Settings.offersSocketName)]
        if let opsPath = settings.opsSocketPath {
            do {
                listeners.append(try Listener.bind(path: opsPath, name: Settings.opsSocketName))
            } catch {
                listeners[0].close()
                throw error
            }
        }
        return listeners
    }

    /// `offers.sock` in `$RUNTIME_DIRECTORY` (its first entry, systemd.exec(5)), else in `$XDG_RUNTIME_DIR/offersd/`.
    static func defaultPath(_ environment: [String: String]) -> String? {
        if let directory = runtimeDirectory(environment) {
            return "\(directory)/offers.sock"
        }
        if let directory = environment["XDG_RUNTIME_DIR"], !directory.isEmpty {
            return "\(directory)/offersd/offers.sock"
        }
        return nil
    }

    private static func runtimeDirectory(_ environment: [String: String]) -> Substring? {
        environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first
    }
}
