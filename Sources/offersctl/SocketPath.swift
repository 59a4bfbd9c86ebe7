/// Where the socket is when nobody says it: the same rule as that of offersd.
enum SocketPath {
    /// For the help text.
    static let rule = "$OFFERSD_SOCKET, else offers.sock in $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR/offersd."

    /// The path that the environment says; nil if it says none. systemd separates several folders by colons.
    static func standard(environment: (String) -> String?) -> String? {
        func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        if let path = value("OFFERSD_SOCKET") { return path }
        if let folder = value("RUNTIME_DIRECTORY")?.split(separator: ":").first { return "\(folder)/offers.sock" }
        return value("XDG_RUNTIME_DIR").map { "\($0)/offersd/offers.sock" }
    }
}
