import Synchronization

/// The keyword `options` of a connection, for as long as it is not refused. A pooler may know no start-up options; then
/// it refuses each connection that has some, and writes that into its log.
struct StartupOptions: Sendable {
    /// What is known in this process.
    final class Support: Sendable {
        private let refused = Atomic<Bool>(false)

        /// Whether a connection came about only without them.
        var isRefused: Bool {
            get { refused.load(ordering: .relaxed) }
            set { refused.store(newValue, ordering: .relaxed) }
        }
    }

    private let all: String
    let support: Support

    init(_ all: String, _ support: Support) {
        self.all = all
        self.support = support
    }

    /// Their text; nil where they are refused.
    var text: String? { support.isRefused ? nil : all }
}
