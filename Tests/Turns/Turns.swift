/// Counts the tests that run; the others wait in the order in which they came. Tests of different parallelism do not mix,
/// and the larger comes first: most tests are done when the machine has to fall silent for the few.
actor Turns {
    static let shared = Turns()

    private var current: Parallelism?
    private var running = 0
    private var waiting: [Parallelism: [CheckedContinuation<Void, Never>]] = [:]

    /// Returns when the turn has come.
    func begin(_ parallelism: Parallelism) async {
        if running == 0 || current == parallelism && running < parallelism.rawValue {
            current = parallelism
            running += 1
        } else {
            await withCheckedContinuation { waiting[parallelism, default: []].append($0) }
        }
    }

    /// Hands the turn on.
    func end() {
        running -= 1
        for parallelism in Parallelism.allCases where running == 0 || current == parallelism {
            while let next = waiting[parallelism]?.first, running < parallelism.rawValue {
                current = parallelism
                running += 1
                waiting[parallelism]?.removeFirst()
                next.resume()
            }
        }
    }
}

/// How many tests may run at once, this one included.
enum Parallelism: Int, CaseIterable {
    case many = 10
    case few = 6
    case none = 1
}
