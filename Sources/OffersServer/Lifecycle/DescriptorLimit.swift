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

    /// Allows as many as the system allows an unprivileged process. Returns how many that are.
    ///
    /// - Throws: ``TooLow`` when that is below `needed`.
    static func raise(needed: Int) throws(TooLow) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        let own = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let allowed = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit.rlim_max : own
        let most = Int(clamping: allowed)
        if most < needed { throw TooLow(limit: most, needed: needed) }
        return most
    }
}
