internal import CLibPQ

/// One place where a server may listen.
package struct ServerAddress: Sendable, Hashable {
    /// A host name, a folder of sockets or an address, as libpq's `host`; nil: that of the settings.
    var host: String?
    /// An IP address, as libpq's `hostaddr`; nil: that of the settings.
    var numericHost: String?
    /// As libpq's `port`; nil: that of the settings.
    var port: String?

    package init(host: String?, numericHost: String? = nil, port: String? = nil) {
        self.host = host
        self.numericHost = numericHost
        self.port = port
    }

    /// For the log: as it stands in a connection string.
    var description: String {
        let parts = [("host", host), ("hostaddr", numericHost), ("port", port)]
        return parts.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// The keywords that make libpq try this place alone.
    var pairs: [(keyword: String, value: String)] {
        [("host", host), ("hostaddr", numericHost), ("port", port)].compactMap { keyword, value in
            value.map { (keyword, $0) }
        }
    }

    /// Whether the host is a name that the name service has to translate.
    var needsLookup: Bool {
        guard numericHost == nil, let host, let first = host.first else { return false }
        return first != "/" && first != "@"
    }
}

/// What the operator's settings come to, from wherever they come: connection string or URI, `PG*` variables, service
/// file.
struct ConnectionTarget: Sendable {
    /// In the order in which they are named. Never empty.
    var addresses: [ServerAddress]
    /// The operator's own start-up `options`; empty if there are none.
    var options: String
    /// How long one attempt at one address may take.
    var attemptTimeout: Duration

    /// What an attempt may take unless `connect_timeout` says otherwise.
    private static let usualAttempt = Duration.seconds(2)

    /// Asks libpq what the settings come to; nothing is connected and no name is looked up.
    ///
    /// libpq expands the service file only for a connection, so one is begun that it refuses at once, for its value of
    /// `target_session_attrs`. PQconninfo (libpq manual, section 34.2) then tells the values of all keywords.
    ///
    /// - Throws: What is wrong with the settings, in libpq's words: an unknown service, or an option that does not
    ///   exist.
    init(_ connectionInfo: String) throws(LibPQConnection.Broken) {
        let values = try Self.values(connectionInfo)
        options = values["options"] ?? ""
        // As libpq reads it: zero, a negative number and no number at all mean that there is no bound.
        let seconds = values["connect_timeout"].flatMap { Int64($0.trimmingSpaces) } ?? 0
        attemptTimeout = seconds > 0 ? .seconds(min(seconds, 3600)) : Self.usualAttempt
        let hosts = Self.elements(values["host"])
        let numericHosts = Self.elements(values["hostaddr"])
        let ports = Self.elements(values["port"])
        let count = max(hosts.count, numericHosts.count)
        guard count > 1 else {
            addresses = [ServerAddress(host: hosts.first ?? nil, numericHost: numericHosts.first ?? nil, port: nil)]
            return
        }
        let defaultHost = hosts.contains(nil) ? Self.defaultHost : nil
        addresses = (0..<count).map { index in
            let numericHost = index < numericHosts.count ? numericHosts[index] : nil
            let host = index < hosts.count ? hosts[index] : nil
            return ServerAddress(
                host: host ?? (numericHost == nil ? defaultHost : nil), numericHost: numericHost,
                port: (ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : nil) ?? "5432")
        }
    }

    /// The elements of one of libpq's lists; nil for an empty element.
    private static func elements(_ list: String?) -> [String?] {
        guard let list, !list.isEmpty else { return [] }
        return list.split(separator: ",", omittingEmptySubsequences: false).map { $0.isEmpty ? nil : String($0) }
    }

    private static func values(_ connectionInfo: String) throws(LibPQConnection.Broken) -> [String: String] {
        guard let connection = unsafe refusedConnection(connectionInfo) else { throw .init(reason: "out of memory") }
        defer { unsafe PQfinish(connection) }
        guard let options = unsafe PQconninfo(connection) else { throw .init(reason: "out of memory") }
        defer { unsafe PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe values[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        guard values["target_session_attrs"] == refusedAttribute else {
            throw unsafe .init(reason: String(cString: PQerrorMessage(connection)))
        }
        return values
    }

    /// The folder or host that libpq takes where none is named.
    private static var defaultHost: String? {
        guard let connection = unsafe refusedConnection("", [("host", ",")]) else { return nil }
        defer { unsafe PQfinish(connection) }
        return unsafe PQhost(connection).map { unsafe String(cString: $0) }
    }

    private static let refusedAttribute = "none, only the settings are read"

    private static func refusedConnection(
        _ connectionInfo: String, _ pairs: [(keyword: String, value: String)] = []
    ) -> OpaquePointer? {
        unsafe ConnectionOptions(connectionInfo, then: pairs + [("target_session_attrs", refusedAttribute)])
            .withCStrings { unsafe PQconnectStartParams($0, $1, 1) }
    }
}

extension String {
    fileprivate var trimmingSpaces: Substring {
        drop { $0 == " " }.prefix { $0 != " " }
    }
}
