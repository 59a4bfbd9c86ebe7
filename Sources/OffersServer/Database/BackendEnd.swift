import Deadlines
import Postgres

extension PostgresClient {
    /// Ends a backend, and returns whether it is known to be gone; tries for two seconds at the most.
    func end(_ backend: Backend, deadline: Deadline, trace: PoolTrace? = nil) async -> Bool {
        for attempt in 1...20 where !deadline.hasPassed(at: .now()) {
            let parameters: [Parameter] = [
                .int8(Int64(backend.processID)), .timestamptz(backend.started), .timestamptz(backend.serverStarted),
            ]
            let bound = BoundStatement(BackendEnd.statement, parameters)
            // The write's own time need not run yet, and this one is bounded all the same.
            let limit = MonotonicTime.now().advanced(by: .seconds(2))
            let end = Deadline(at: min(deadline.instant ?? limit, limit))
            let gone = try? await read(bound, for: .control, deadline: end, trace: trace) {
                rows throws(ResultMismatch) in
                try rows.bool(row: 0, column: 0) == true
            }
            // Nil: the database could not be asked, and the write will not be run either.
            guard let gone else { return false }
            if gone { return true }
            await Backoff.pause(attempt: min(attempt, 3))
        }
        return false
    }
}

/// How a backend that may still commit is ended.
enum BackendEnd {
    /// True when the backend is gone: its server has been started anew, or has no such process any more. A role may
    /// end its own backends. Named by start time too, because process ids are used again.
    static let statement = Statement(
        "offersd_terminate", parameters: [.int8, .timestamptz, .timestamptz],
        sql: """
            SELECT pg_postmaster_start_time() <> $3 OR NOT coalesce(bool_or(a.found), false)
            FROM (SELECT pg_terminate_backend(pid) IS NOT NULL AS found FROM pg_stat_activity
                WHERE pid = $1 AND backend_start = $2 AND pg_postmaster_start_time() = $3) AS a
            """)
}
