import Deadlines
import Logging
import Postgres
import Synchronization

/// Writes the optional `distribution_metrics` row of an accept: after its COMMIT, in another transaction, while the
/// reply is already on its way. Whatever happens here changes no reply and no other row; it is counted.
///
/// Rows that wait together are written together, by one statement: each by itself would ask as much of the disk as the
/// accepts do, and nearly twice as much of the server's processor (594,000 instructions against 336,000 in eights).
///
/// Rows that a shutdown or a long outage does not let through are lost and counted.
final class DistributionMetrics: Sendable {
    /// How many rows may wait. More are dropped, and counted as failures.
    private static let maximumWaiting = 1024
    /// How often rows are tried whose connection is lost.
    private static let maximumAttempts = 3
    /// How many rows one transaction takes.
    private static let maximumGroup = 64
    /// How long a row waits for others, so that a busy service does not make a transaction of every second one.
    private static let gatheringTime = Duration.milliseconds(25)

    private struct Row: Sendable {
        let order: Int64
        let master: Int64
        /// Microseconds since 2000-01-01 UTC.
        let acceptedAt: Int64
        /// Nil when it is not known, as the accept was found out about rather than seen.
        let statusBefore: String?
    }

    /// What is known of the table.
    private enum Table {
        /// The database has not been looked at.
        case unknown
        /// It is not there, or must not be written.
        case absent
        /// It is written by this.
        case present(Statement)
    }

    private let postgres: PostgresClient
    private let logger: Logger
    /// How long a transaction of rows may take.
    private let timeLimit: Duration
    private let table = Mutex(Table.unknown)
    private let waiting = Mutex<[Row]>([])
    /// Has an element when there may be rows.
    private let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation
    private let failureCount = Atomic<Int>(0)
    private let writtenCount = Atomic<Int>(0)

    init(postgres: PostgresClient, logger: Logger, timeLimit: Duration) {
        self.timeLimit = timeLimit
        self.postgres = postgres
        self.logger = logger
        (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Rows that could not be written.
    var failures: Int { failureCount.load(ordering: .relaxed) }

    /// Rows that were written.
    var written: Int { writtenCount.load(ordering: .relaxed) }

    /// The table's shape is known now: nil, there is none.
    func use(_ shape: MetricsTable?) {
        table.withLock { $0 = shape.map { .present($0.insert) } ?? .absent }
        arrival.yield()
    }

    /// Has a row written soon. Returns at once.
    func record(order: Int64, master: Int64, at acceptedAt: Int64, statusBefore: String?) {
        let row = Row(order: order, master: master, acceptedAt: acceptedAt, statusBefore: statusBefore)
        let hasRoom = waiting.withLock { rows in
            guard rows.count < Self.maximumWaiting else { return false }
            rows.append(row)
            return true
        }
        if hasRoom { arrival.yield() } else { failureCount.add(1, ordering: .relaxed) }
    }

    /// No more rows will come: `run` returns when those that wait are written.
    func finish() {
        arrival.finish()
    }

    /// Writes rows, those that wait together, until `finish` or cancellation. Before the table's shape is known they
    /// wait for that; those that never learn of it are lost.
    func run() async {
        for await _ in arrivals {
            try? await Task.sleep(for: Self.gatheringTime)
            switch table.withLock({ $0 }) {
            case .unknown: break
            case .absent: waiting.withLock { $0 = [] }
            case .present(let insert):
                while case let rows = takeGroup(), !rows.isEmpty { await write(rows, by: insert) }
            }
        }
        failureCount.add(waiting.withLock(\.count), ordering: .relaxed)
    }

    private func takeGroup() -> [Row] {
        waiting.withLock { rows in
            let group = Array(rows.prefix(Self.maximumGroup))
            rows.removeFirst(group.count)
            return group
        }
    }

    private func write(_ rows: [Row], by statement: Statement, attempt: Int = 1) async {
        let insert = BoundStatement(
            statement,
            [
                .int8Array(rows.map(\.order)), .int8Array(rows.map(\.master)), .int8Array(rows.map(\.acceptedAt)),
                .array(rows.map(\.statusBefore)),
            ])
        do {
            _ = try await postgres.transaction(
                Transaction(name: "distributionMetrics", steps: { _ in [insert] }, decode: { $0.rowCount }),
                deadline: Deadline(in: timeLimit))
            writtenCount.add(rows.count, ordering: .relaxed)
        } catch .refused where rows.count > 1 {
            // One that the database does not want must not cost the others theirs.
            for row in rows { await write([row], by: statement) }
        } catch .connectionLost where attempt < Self.maximumAttempts {
            // Nothing was written.
            await write(rows, by: statement, attempt: attempt + 1)
        } catch {
            failureCount.add(rows.count, ordering: .relaxed)
            logger.warning(
                "distribution_metrics rows not written",
                metadata: ["orders": "\(rows.map(\.order))", "error": "\(error)"])
        }
    }
}

/// The shape of `distribution_metrics`; four exist, one of which is that there is no such table.
struct MetricsTable: Sendable, Equatable {
    /// `category`, or `category_name` where the columns were renamed.
    let categoryColumn: String
    /// The name of that column's type, as `format_type` gives it: an identifier that is safe to put into SQL.
    let categoryType: String
    /// `order_type` or `type_name`.
    let orderTypeColumn: String
    /// The name of that column's type.
    let orderTypeType: String

    /// The columns that are written in every shape, in the order of the INSERT.
    private static let commonColumns = [
        "order_id", "master_id", "assigned_at", "round_number", "candidates_count", "time_to_assign_seconds",
        "preferred_master_used", "was_escalated_to_logist", "was_escalated_to_admin", "city_id", "district_id",
        "metadata_json",
    ]

    /// All columns that are written in one shape or another.
    static let insertedColumns = commonColumns + ["category", "category_name", "order_type", "type_name"]

    /// Takes arrays, of one element for each row: orders, masters, moments in microseconds since 2000-01-01 UTC, and
    /// statuses before. The casts differ from shape to shape, and with them the text that is prepared.
    var insert: Statement {
        Statement(
            "offersd_metrics_\(categoryColumn)_\(categoryType)_\(orderTypeType)",
            parameters: [.int8Array, .int8Array, .int8Array, .text], sql: sql)
    }

    private var sql: String {
        """
        INSERT INTO distribution_metrics (\(Self.commonColumns.joined(separator: ", ")),
            \(categoryColumn), \(orderTypeColumn))
        SELECT o.id, r.master_id, r.accepted_at, coalesce(f.last_round, 1), least(greatest(f.candidates, 1), 32767),
            CASE WHEN isfinite(o.created_at) THEN least(
                greatest(floor(extract(epoch FROM r.accepted_at - o.created_at)), -2147483648), 2147483647)::integer END,
            coalesce(o.preferred_master_id = r.master_id, false), o.dist_escalated_logist_at IS NOT NULL,
            o.dist_escalated_admin_at IS NOT NULL, o.city_id, o.district_id,
            jsonb_build_object('accepted_via', 'orders_service', 'from_status', r.status),
            o.category::text::\(categoryType), o.type::text::\(orderTypeType)
        FROM (
            SELECT order_id, master_id, status,
                timestamptz '2000-01-01 00:00:00+00' + microseconds * interval '1 microsecond' AS accepted_at
            FROM unnest($1, $2, $3, $4::text[])
                AS a(order_id, master_id, microseconds, status)) AS r
        JOIN orders o ON o.id = r.order_id, LATERAL (
            SELECT max(f.round_number) AS last_round, count(DISTINCT f.master_id) AS candidates
            FROM offers f WHERE f.order_id = o.id) f
        """
    }
}
