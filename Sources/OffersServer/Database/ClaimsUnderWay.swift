import Postgres
import Synchronization

/// What is being claimed just now, and whether one of its claims has been told that it was its doing. Of two taps of one
/// master both may be lost on their way: what one of them did is not the other's doing as well.
final class ClaimsUnderWay<Subject: Hashable & Sendable>: Sendable {
    private struct Claims {
        /// How many are under way.
        var count = 0
        var isTold = false
    }

    private let claims = Mutex<[Subject: Claims]>([:])

    /// Runs a claim. One without a subject is of no order, and finds nothing.
    func during<Success, Failure: Error>(
        _ subject: Subject?, _ claim: () async throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        guard let subject else { return try await claim() }
        claims.withLock { $0[subject, default: Claims()].count += 1 }
        defer {
            claims.withLock { claims in
                claims[subject]?.count -= 1
                if claims[subject]?.count == 0 { claims[subject] = nil }
            }
        }
        return try await claim()
    }

    /// A claim is told that it was its doing.
    func tell(_ subject: Subject) {
        claims.withLock { $0[subject]?.isTold = true }
    }

    /// Tells a claim that found its work done, and whose earlier attempt was not heard of, whether that was its own doing.
    ///
    /// It was if it was done since that attempt was sent, unless another claim that is under way, or was while this one is,
    /// has been told so. The database's clock was at `asOf` a moment ago, so this never denies what was its own doing. It
    /// may claim what the same master did on another instance in the milliseconds that `asOf` took to get here.
    ///
    /// - Parameters:
    ///   - done: When it was done, by the database's clock, in microseconds.
    ///   - asOf: What that clock said to the last attempt.
    ///   - unheardSince: When the first attempt was sent that was not heard of; nil if there is none.
    func tellFirst(_ subject: Subject, done: Int64, asOf: Int64, unheardSince: MonotonicTime?) -> Bool {
        guard let unheardSince else { return false }
        let elapsed = Int64((MonotonicTime.now().nanoseconds - unheardSince.nanoseconds) / 1000)
        guard done >= asOf - elapsed else { return false }
        return claims.withLock { claims in
            guard claims[subject]?.isTold != true else { return false }
            claims[subject]?.isTold = true
            return true
        }
    }
}
