package import Deadlines

/// A picture of a pool.
package struct PoolStatus: Sendable, Equatable {
    /// A picture of the connections of one kind.
    package struct Connections: Sendable, Equatable {
        /// How many there may be.
        package let connections: Int
        /// How many are open.
        package let connected: Int
        /// How many are working.
        package let busy: Int
        /// How many requests wait for one.
        package let waiting: Int
        /// How many have been opened since the start.
        package let opened: Int
        /// How many attempts to open one have failed since the start.
        package let failedAttempts: Int
        /// Whether the last attempt failed that began while no connection was open.
        package let isFailing: Bool
        /// How often that has become so since the start.
        package var outages = 0
        /// How long the longest work under way has taken so far.
        package let longestWork: Duration
        /// Why the last attempt that failed did so: libpq's text in one line, for the log only. Nil if none has.
        package let lastFailure: String?
        /// How often work that had been taken together was done again by itself since the start.
        package var batchSplits = 0
    }

    package let reads: Connections
    package let control: Connections
    package let writes: Connections
    /// The requests that wait or run.
    package let requests: Int
    /// Reads that were tried again since the start.
    package var readRetries = 0
    /// The last request that the database did not carry out; nil if there was none.
    package var lastError: LastError?
    /// Sentences for an operator about the way to the server: what works, and should be known.
    package var notes: [String] = []

    /// What kind of failure it was, and when.
    package struct LastError: Sendable, Equatable {
        /// A SQLSTATE, or one of `unavailable`, `timedOut`, `connectionLost`, `rolledBack`, `unknownOutcome`,
        /// `unconfirmed` and `unexpectedResult`.
        package let kind: String
        package let at: MonotonicTime
    }
}
