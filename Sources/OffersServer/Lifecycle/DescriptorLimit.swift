import Glibc

/// The limit of open files; getrlimit(2).
enum DescriptorLimit {
    /// There are too few of them to begin with.
    struct TooLow: Error, CustomStringConvertible {
        let limit: Int
        let needed: Int

        var description: String {
            "the limit of open files is \(limit), and with these settings at least \(needed) are needed: "
                + "raise it (ulimit -n, LimitNOFILE= of systemd) or take fewer database connections"
        }
    }

    /// - Throws: ``TooLow`` when even the hard limit, up to which the server helps itself, is below `needed`.
    static func check(needed: Int) throws(TooLow) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let most = Int(clamping: limit.rlim_max)
        if most < needed { throw TooLow(limit: most, needed: needed) }
    }
}
