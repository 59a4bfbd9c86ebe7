package import Testing

extension Trait where Self == TurnTrait {
    /// Bounds how many tests run at once. Swift Testing starts all cases of all tests together, and each has a service
    /// with its connections: together they are more than the cluster and the machine take.
    package static var inTurn: Self { Self(parallelism: .many) }

    /// One turn for a whole suite, of which one test runs at a time: each would wait again behind all others.
    package static var inOneTurn: Self { Self(parallelism: .many, isRecursive: false) }

    /// Few tests run beside the test, and only such that mostly wait, too. For a test whose verdict depends on bounds
    /// of the product that are seconds, and which spends seconds waiting for them.
    package static var amongFew: Self { Self(parallelism: .few) }

    /// Nothing with a turn runs beside the test. For a test whose verdict depends on a bound of the product, such as
    /// the half second between the end of a wait for a lock and the deadline, and for one that needs the whole machine.
    package static var alone: Self { Self(parallelism: .none) }
}

/// See `inTurn`, `amongFew` and `alone`; of a suite's and a test's the smaller parallelism counts. A test may take ten
/// minutes from the beginning of its turn, and a suite in one turn half an hour: this is for one that hangs. `timeLimit`
/// would count the wait for the turn, too.
package struct TurnTrait: SuiteTrait, TestTrait, TestScoping {
    let parallelism: Parallelism
    /// Whether each test of a suite has a turn of its own.
    package var isRecursive = true

    /// Whether the current task has a turn: of several traits only the outermost takes one.
    @TaskLocal private static var hasTurn = false
    private var limit: Duration { isRecursive ? .seconds(600) : .seconds(1800) }

    /// See `TestScoping`.
    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard !Self.hasTurn else { return try await function() }
        let all = test.traits.compactMap { ($0 as? Self)?.parallelism }
        await Turns.shared.begin(all.min { $0.rawValue < $1.rawValue } ?? parallelism)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(
                try await Self.$hasTurn.withValue(true) {
                    try await withoutActuallyEscaping(function) { try await Self.within(limit, test, $0) }
                })
        } catch {
            outcome = .failure(error)
        }
        await Turns.shared.end()
        try outcome.get()
    }

    /// Cancels the test, which is an issue then, when its time is over.
    private static func within(
        _ limit: Duration, _ test: Test, _ function: @escaping @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await function() }
            group.addTask {
                try await Task.sleep(for: limit)
                Issue.record("\(test.name) took longer than \(limit)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
