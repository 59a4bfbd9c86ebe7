/// Where offersd's socket is when nobody says it.
enum SocketPath {
    /// For the help text.
    static let rule = """
        $OFFERSD_SOCKET, else offersd/offers.sock in $XDG_RUNTIME_DIR, else /run/offersd/offers.sock
        """

    /// The path that the environment says.
    static func standard(_ environment: [String: String]) -> String {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let path = value("OFFERSD_SOCKET") { return path }
        if let folder = value("XDG_RUNTIME_DIR") { return "\(folder)/offersd/offers.sock" }
        return "/run/offersd/offers.sock"
    }
}
