internal import CLibPQ

/// The keywords given to libpq, in order; libpq manual, section 34.1.2.
///
/// Those before `dbname`, which holds the operator's connection string, are defaults. Those after it always hold.
struct ConnectionOptions {
    private let pairs: [(keyword: String, value: String)]

    /// What all connections have in common, then the operator's connection string, then `pairs`.
    init(_ connectionInfo: String, then pairs: [(keyword: String, value: String)]) {
        self.pairs =
            [
                ("application_name", "offersd"),
                ("keepalives", "1"),
                ("keepalives_idle", "10"),
                ("keepalives_interval", "5"),
                ("keepalives_count", "3"),
                ("tcp_user_timeout", "10000"),
                ("dbname", connectionInfo),
                ("client_encoding", "UTF8"),
            ] + pairs
    }

    /// Says what is wrong with a connection string, before anything is tried; nil when it can be parsed.
    static func problem(with connectionInfo: String) -> String? {
        var message: UnsafeMutablePointer<CChar>?
        let parsed = unsafe PQconninfoParse(connectionInfo, &message)
        defer { unsafe PQconninfoFree(parsed) }
        guard unsafe parsed == nil else { return nil }
        defer { unsafe PQfreemem(message) }
        return unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
    }

    /// The two NULL-terminated arrays that `PQconnectStartParams` takes, valid during `body`.
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
        return unsafe text.withUnsafeBufferPointer { text in
            let start = text.baseAddress
            let keywords =
                unsafe offsets.map { unsafe start.map { [offset = $0.keyword] in unsafe $0 + offset } } + [nil]
            let values =
                unsafe offsets.map { unsafe start.map { [offset = $0.value] in unsafe $0 + offset } } + [nil]
            return unsafe body(keywords, values)
        }
    }
}

extension PostgresConfiguration {
    /// Says what is wrong with the connection string, before anything is tried; nil when libpq can parse it.
    package var connectionInfoProblem: String? {
        connectionInfo.isEmpty ? nil : ConnectionOptions.problem(with: connectionInfo)
    }
}
