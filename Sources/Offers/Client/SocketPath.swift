/// Where a client looks for the service's socket when no flag or variable names it.
package enum SocketPath {
    /// For a help text.
    package static let rule = """
        $OFFERSD_SOCKET, else offers.sock in $RUNTIME_DIRECTORY, else offersd/offers.sock in $XDG_RUNTIME_DIR if it is \
        there, else /run/offersd/offers.sock
        """

    /// The path that the environment says; `exists` says whether there is a file. A variable that is empty is as good
    /// as none. systemd separates several folders by colons.
    package static func standard(_ environment: [String: String], exists: (String) -> Bool) -> String {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let path = value("OFFERSD_SOCKET") { return path }
        if let folder = value("RUNTIME_DIRECTORY")?.split(separator: ":").first { return "\(folder)/offers.sock" }
        // A session has the variable, and mostly no service of its own.
        if let path = value("XDG_RUNTIME_DIR").map({ "\($0)/offersd/offers.sock" }), exists(path) { return path }
        return "/run/offersd/offers.sock"
    }
}
