import JSONRPC
import TestDatabase

extension HeldLock {
    /// Makes a call that has to wait for the lock, does `meanwhile` once it waits, and returns the call's answer.
    func answer(
        of call: @escaping @Sendable () async throws -> TestClient.Answer,
        meanwhile: () async throws -> Void
    ) async throws -> TestClient.Answer {
        try await withThrowingTaskGroup { group in
            group.addTask { try await call() }
            try await isWaitedFor()
            try await meanwhile()
            return try await group.next() ?? .error(.internalError)
        }
    }
}
