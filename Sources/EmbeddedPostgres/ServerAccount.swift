import Glibc

extension EmbeddedPostgres {
    /// The user that the server runs as when this process is root.
    struct ServerAccount: Equatable {
        let userID: uid_t
        let groupID: gid_t

        /// The account to change to; nil if this process is not root.
        ///
        /// - Throws: ``Failure`` for root on a machine with none of the usual accounts.
        static func forServer() throws -> ServerAccount? {
            guard geteuid() == 0 else { return nil }
            guard let account = named("postgres") ?? named("nobody") else {
                throw Failure("Postgres does not run as root, and there is no user 'postgres' or 'nobody' to run it as")
            }
            return account
        }

        private static func named(_ name: String) -> ServerAccount? {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            // getpwnam(3) shares one buffer between threads; getpwnam_r(3) fills the caller's.
            var buffer = [CChar](repeating: 0, count: 16_384)
            let status = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
            guard status == 0, found != nil else { return nil }
            return ServerAccount(userID: entry.pw_uid, groupID: entry.pw_gid)
        }
    }
}
