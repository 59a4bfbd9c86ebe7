import Testing

extension Trait where Self == TurnTrait {
    /// Bounds how many tests run at once. Swift Testing starts all cases of all tests together, and each has a service
    /// with its connections: together they would be more than the cluster takes.
    static var inTurn: Self { Self() }
}

/// See `inTurn`.
struct TurnTrait: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await Turns.shared.begin()
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await function()) } catch { outcome = .failure(error) }
        await Turns.shared.end()
        try outcome.get()
    }
}

/// Counts who may run now; the others wait in the order in which they came.
private actor Turns {
    static let shared = Turns()

    private var free = 6
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func begin() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    /// Hands the turn on to whoever waits longest.
    func end() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
