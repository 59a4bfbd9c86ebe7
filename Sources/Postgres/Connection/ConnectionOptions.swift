internal import CLibPQ

/// The keywords given to libpq besides the operator's connection string; libpq manual, section 34.1.2.
struct ConnectionOptions {
    private let pairs: [(keyword: String, value: String)]

    /// Those before `dbname` can be overridden by the connection string, those after it cannot.
    static func all(for configuration: PostgresConfiguration, severalHosts: Bool) -> ConnectionOptions {
        var pairs: [(String, String)] = [
            ("application_name", "offersd"),
            ("connect_timeout", "2"),
            ("keepalives", "1"),
            ("keepalives_idle", "10"),
            ("keepalives_interval", "5"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
        ]
        if severalHosts { pairs.append(("target_session_attrs", "read-write")) }
        pairs.append(("dbname", configuration.connectionInfo))
        pairs.append(("client_encoding", "UTF8"))
        return ConnectionOptions(pairs: pairs)
    }

    /// Whether libpq would choose between several hosts.
    static func namesSeveralHosts(_ connectionInfo: String) -> Bool {
        let parsed = PQconninfoParse(connectionInfo, nil)
        defer { PQconninfoFree(parsed) }
        let defaults = PQconndefaults()
        defer { PQconninfoFree(defaults) }
        return ["host", "hostaddr"].contains { keyword in
            (value(of: keyword, in: parsed) ?? value(of: keyword, in: defaults))?.contains(",") ?? false
        }
    }

    /// Says what is wrong with a connection string, before anything is tried; nil when it can be parsed.
    static func problem(with connectionInfo: String) -> String? {
        var message: UnsafeMutablePointer<CChar>?
        let parsed = PQconninfoParse(connectionInfo, &message)
        defer { PQconninfoFree(parsed) }
        guard parsed == nil else { return nil }
        defer { PQfreemem(message) }
        return message.map { String(cString: $0) } ?? "out of memory"
    }

    private static func value(of keyword: String, in options: UnsafeMutablePointer<PQconninfoOption>?) -> String? {
        var option = options
        while let current = option, let name = current.pointee.keyword {
            if String(cString: name) == keyword { return current.pointee.val.map { String(cString: $0) } }
            option = current + 1
        }
        return nil
    }

    /// The two NULL-terminated arrays that `PQconnectdbParams` takes, valid during `body`.
    func withCStrings<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        var text: [CChar] = []
        var offsets: [(keyword: Int, value: Int)] = []
        for (keyword, value) in pairs {
            let start = text.count
            text.append(contentsOf: keyword.utf8CString)
            offsets.append((start, text.count))
            text.append(contentsOf: value.utf8CString)
        }
        return text.withUnsafeBufferPointer { text in
            let start = text.baseAddress
            let keywords = offsets.map { start.map { [offset = $0.keyword] in $0 + offset } } + [nil]
            let values = offsets.map { start.map { [offset = $0.value] in $0 + offset } } + [nil]
            return body(keywords, values)
        }
    }
}

extension PostgresConfiguration {
    /// Says what is wrong with the connection string, before anything is tried; nil when libpq can parse it.
    package var connectionInfoProblem: String? {
        connectionInfo.isEmpty ? nil : ConnectionOptions.problem(with: connectionInfo)
    }
}
