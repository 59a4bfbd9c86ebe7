/// Counts who may run now; the others wait in the order in which they came. Kinds of company do not mix, and the larger
/// comes first: most tests are done when the machine has to fall silent for the few.
actor Turns {
    static let shared = Turns()

    private var current: Company?
    private var running = 0
    private var waiting: [Company: [CheckedContinuation<Void, Never>]] = [:]

    /// Returns when the turn has come.
    func begin(_ company: Company) async {
        if running == 0 || current == company && running < company.rawValue {
            current = company
            running += 1
        } else {
            await withCheckedContinuation { waiting[company, default: []].append($0) }
        }
    }

    /// Hands the turn on.
    func end() {
        running -= 1
        for company in Company.allCases where running == 0 || current == company {
            while let next = waiting[company]?.first, running < company.rawValue {
                current = company
                running += 1
                waiting[company]?.removeFirst()
                next.resume()
            }
        }
    }
}

/// How many tests may run at once, this one included.
enum Company: Int, CaseIterable {
    case many = 10
    case few = 3
    case none = 1
}
