import Deadlines
import JSONRPC
import Postgres
import Synchronization

/// Many well-behaved clients, each with one list a second.
struct Crowd: Sendable {
    /// What they noticed.
    struct Measure: Sendable {
        let calls: Int
        let median: Duration
        let p99: Duration
        let longest: Duration

        /// - Parameter times: of all calls; there is at least one.
        init(_ times: [Duration]) {
            let times = times.sorted()
            calls = times.count
            median = times[times.count / 2]
            p99 = times[times.count * 99 / 100]
            longest = times[times.count - 1]
        }

        /// Reads ``line``; nil when it is none.
        init?(_ line: String) {
            let numbers = line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            guard numbers.count == 4 else { return nil }
            calls = numbers[0]
            (median, p99, longest) = (.microseconds(numbers[1]), .microseconds(numbers[2]), .microseconds(numbers[3]))
        }

        /// The form in which a process tells another one; times in microseconds.
        var line: String {
            "\(calls) \(median.wholeMicroseconds) \(p99.wholeMicroseconds) \(longest.wholeMicroseconds)"
        }
    }

    /// What a process says when all clients have their connections.
    static let ready = "ready"

    let socket: String
    let master: Int64
    var clients = 200
    let duration: Duration
    /// A connection for each list, as socat has it, instead of one for all.
    var reconnects = false

    /// Lists until the time is over.
    ///
    /// - Parameter began: Called when every client has its connection and its first list, which is not measured.
    func run(began: @escaping @Sendable () -> Void) async throws -> Measure {
        let countdown = Countdown(from: clients, end: began)
        return Measure(
            try await withThrowingTaskGroup(of: [Duration].self) { group in
                for number in 0..<clients {
                    group.addTask {
                        try await withPatientClient { client in
                            try await list(client)
                            countdown.count()
                            // Spread over the second.
                            try await Task.sleep(for: .seconds(1) * number / clients)
                            return try await times { try await reconnects ? withPatientClient(list) : list(client) }
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            })
    }

    /// Connects as soon as the kernel's queue has room, which beside a storm is not at once.
    private func withPatientClient<Value: Sendable>(_ body: (Client) async throws -> Value) async throws -> Value {
        while true {
            do {
                return try await Client.withConnection(to: socket, body)
            } catch ClientError.cannotConnect {
                try await Task.sleep(for: .milliseconds(1))
            }
        }
    }

    /// A minute, because a connection beside a storm may wait long until it is accepted.
    private func list(_ client: Client) async throws {
        let params = [JSONMember(name: "masterId", value: .number(JSONNumber(master)))]
        _ = try await client.call("listOffers", named: params, deadline: .seconds(60))
    }

    /// Calls once a second until the time is over. Returns how long each call took.
    private func times(_ call: () async throws -> Void) async throws -> [Duration] {
        let end = MonotonicTime.now().advanced(by: duration)
        var times: [Duration] = []
        repeat {
            let began = MonotonicTime.now()
            try await call()
            let took = began.duration(to: .now())
            times.append(took)
            try await Task.sleep(for: max(.zero, .seconds(1) - took))
        } while MonotonicTime.now() < end
        return times
    }
}

/// Calls a closure when it was counted down.
private final class Countdown: Sendable {
    private let remaining: Mutex<Int>
    private let end: @Sendable () -> Void

    init(from count: Int, end: @escaping @Sendable () -> Void) {
        remaining = Mutex(count)
        self.end = end
    }

    func count() {
        let isLast = remaining.withLock { remaining in
            remaining -= 1
            return remaining == 0
        }
        if isLast { end() }
    }
}
