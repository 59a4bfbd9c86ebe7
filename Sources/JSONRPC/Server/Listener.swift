import Glibc

/// A Unix stream socket that listens, and the file that leads to it.
///
/// The server that runs it owns it and closes it; a listener that is never run is closed with `close()`.
package struct Listener: Sendable {
    /// Why a socket could not be had. The description is a sentence for the operator, with the path.
    package struct Failure: Error, CustomStringConvertible {
        /// What went wrong.
        package let description: String
    }

    /// The longest path of a Unix socket: `sun_path` has 108 bytes and ends with a NUL (unix(7)).
    package static let maximumPathBytes = 107

    /// What the socket is called inside the service; it is the `socket` of every peer that comes through it.
    package let name: String
    /// The file, nil for an adopted socket whose address is not a path.
    package let path: String?

    let descriptor: Int32
    /// Whether the listener made the file, and removes it.
    private let ownsFile: Bool
    /// The file as it was at the start. Nil when there was none at the path.
    private let file: FileIdentity?
    /// Whether the file can be watched: not where this process does not even see its folder, as with a root of its own.
    private let isWatched: Bool

    /// As many clients may wait to be accepted as the system allows: listen(2) reduces the number to
    /// `net.core.somaxconn`.
    static let backlog = Int32.max

    /// Binds a socket at `path` and listens.
    ///
    /// A file left by a dead process is replaced. A socket that answers, a file that is no socket, a missing folder and
    /// a path that is too long are refused, and nothing is touched. Of several processes that start at once for the
    /// same path one succeeds: the folder is locked (flock(2)) while the old file is examined and replaced.
    /// The file has `mode` before the first client can connect.
    package static func bind(path: String, name: String, mode: UInt16 = 0o660) throws(Failure) -> Listener {
        guard path.utf8.count <= maximumPathBytes else {
            throw Failure(
                description: "the socket path \(path) has \(path.utf8.count) bytes; "
                    + "a Unix socket's path has at most \(maximumPathBytes)")
        }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw Failure(description: "the socket path is empty or contains a NUL byte")
        }
        let folder = try FolderLock(of: path)
        defer { folder.unlock() }
        try removeDeadSocket(path)

        let descriptor = try makeSocket(path)
        do throws(Failure) {
            guard unsafe withAddress(path, { unsafe Glibc.bind(descriptor, $0, $1) }) == 0 else {
                throw Failure("cannot bind the socket", path)
            }
            guard unsafe chmod(path, mode_t(mode)) == 0, let file = FileIdentity(path: path) else {
                throw Failure("cannot set the rights of the socket", path)
            }
            guard listen(descriptor, backlog) == 0 else { throw Failure("cannot listen on the socket", path) }
            return Listener(name: name, path: path, descriptor: descriptor, file: file, ownsFile: true)
        } catch {
            _ = Glibc.close(descriptor)
            throw error
        }
    }

    /// Adopts a socket that another process bound and listens on, as systemd does (sd_listen_fds(3)).
    ///
    /// The descriptor stays the caller's and stays open: the listener has a duplicate. Clients that queue on the
    /// socket when the server ends are left to the next process that listens on it. The file is never removed.
    package init(adopting descriptor: Int32, name: String) throws(Failure) {
        let what = "the inherited descriptor \(descriptor) (\(name))"
        guard Self.option(SO_DOMAIN, of: descriptor) == AF_UNIX,
            Self.option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            Self.option(SO_ACCEPTCONN, of: descriptor) == 1
        else { throw Failure(description: "\(what) is not a listening Unix stream socket") }
        let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard duplicate >= 0 else { throw Failure("cannot duplicate", what) }
        let flags = fcntl(duplicate, F_GETFL)
        guard flags >= 0, fcntl(duplicate, F_SETFL, flags | O_NONBLOCK) == 0 else {
            _ = Glibc.close(duplicate)
            throw Failure("cannot make non-blocking", what)
        }
        let path = Self.boundPath(of: duplicate)
        self.init(
            name: name, path: path, descriptor: duplicate, file: path.flatMap { FileIdentity(path: $0) },
            ownsFile: false)
    }

    private init(name: String, path: String?, descriptor: Int32, file: FileIdentity?, ownsFile: Bool) {
        self.name = name
        self.path = path
        self.descriptor = descriptor
        self.file = file
        self.ownsFile = ownsFile
        isWatched = path.map { FileIdentity(path: folder(of: $0)) != nil } ?? false
    }

    /// Listens again, after something else has reduced the number of clients that may wait.
    ///
    /// - Throws: When the descriptor does not listen any more.
    func listenAgain() throws(Failure) {
        guard listen(descriptor, Self.backlog) == 0 else {
            throw Failure("cannot listen on the socket", path ?? name)
        }
    }

    /// What became of the file that leads to the socket.
    package enum FileCondition: Sendable {
        /// It is there, or cannot be watched.
        case present
        /// Nothing is at the path: clients cannot connect.
        case gone
        /// Another file is at the path: clients do not reach this process.
        case replaced
        /// It has lost rights to write that it had: clients that have none cannot connect (unix(7)).
        case unwritable
    }

    /// Looks at the file. It asks the file system, which may take its time.
    package func fileCondition() -> FileCondition {
        guard isWatched, let path else { return .present }
        guard let now = FileIdentity(path: path) else { return .gone }
        guard let file, now == file else { return .replaced }
        return file.writers & ~now.writers == 0 ? .present : .unwritable
    }

    /// Whether the file belongs to another program, as that of a socket of systemd's does.
    package var isAdopted: Bool { !ownsFile }

    /// Closes a listener that no server runs, and removes its file.
    package func close() {
        removeFile()
        _ = Glibc.close(descriptor)
    }

    /// Removes the file, if it is still the one that `bind` made. It is done before the descriptor is closed, so that
    /// no client finds a socket that looks dead.
    func removeFile() {
        guard ownsFile, let file, let path else { return }
        // Without the lock (the folder went away, or another process holds it) the check alone must do.
        let folder = try? FolderLock(of: path, timeout: .zero)
        defer { folder?.unlock() }
        if FileIdentity(path: path) == file { _ = unsafe unlink(path) }
    }
}

extension Listener {
    /// Removes the file at `path` when it is a socket on which no process listens.
    private static func removeDeadSocket(_ path: String) throws(Failure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Failure("cannot examine", path)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Failure(description: "\(path) exists and is not a socket; it was left untouched")
        }
        let probe = try makeSocket(path)
        defer { _ = Glibc.close(probe) }
        // EAGAIN: the queue of a living server is full. The socket is non-blocking, so this never waits.
        if unsafe withAddress(path, { unsafe connect(probe, $0, $1) }) == 0 || errno == EAGAIN {
            throw Failure(description: "\(path) is already served by a running process")
        }
        guard errno == ECONNREFUSED else { throw Failure("cannot tell whether a process serves", path) }
        guard unsafe unlink(path) == 0 else { throw Failure("cannot remove the dead socket", path) }
    }

    private static func makeSocket(_ path: String) throws(Failure) -> Int32 {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(AF_UNIX, Int32(type), 0)
        guard descriptor >= 0 else { throw Failure("cannot make a socket for", path) }
        return descriptor
    }

    private static func option(_ option: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : nil
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// The path of a bound socket; nil when it has none (unnamed or abstract).
    private static func boundPath(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        guard result == 0 else { return nil }
        let path = unsafe withUnsafeBytes(of: &address.sun_path) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        return path.isEmpty ? nil : path
    }
}

extension Listener.Failure {
    /// A failed system call: what was tried, on what, and the text of `errno`.
    fileprivate init(_ attempt: String, _ path: String) {
        self.init(description: unsafe "\(attempt) \(path): \(String(cString: strerror(errno)))")
    }
}

/// Which file a path names: another file at the same path is not equal.
private struct FileIdentity: Equatable {
    let device: dev_t
    let inode: ino_t
    /// Its rights to write; not part of its identity.
    let writers: mode_t

    init?(path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        device = status.st_dev
        inode = status.st_ino
        writers = status.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)
    }

    static func == (one: FileIdentity, other: FileIdentity) -> Bool {
        one.device == other.device && one.inode == other.inode
    }
}

/// The folder that a path is in.
private func folder(of path: String) -> String {
    switch path.lastIndex(of: "/") {
    case nil: "."
    case path.startIndex?: "/"
    case let slash?: String(path[..<slash])
    }
}

/// An advisory lock on the folder of a path, so that starting processes examine and replace a file one at a time.
private struct FolderLock {
    private let descriptor: Int32

    /// How long a start waits for the lock, which another one holds for some milliseconds.
    static let timeout = Duration.seconds(3)
    /// How soon it is tried again, in milliseconds.
    private static let pause: Int32 = 10

    /// Takes the lock; waits for at most `timeout`.
    init(of path: String, timeout: Duration = timeout) throws(Listener.Failure) {
        let folder = folder(of: path)
        descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Listener.Failure("cannot open the folder of the socket,", folder) }
        let end = ContinuousClock.now + timeout
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let isLocked = errno == EWOULDBLOCK
            guard isLocked || errno == EINTR else {
                let failure = Listener.Failure("cannot lock the folder of the socket,", folder)
                _ = close(descriptor)
                throw failure
            }
            guard ContinuousClock.now < end else {
                _ = close(descriptor)
                throw Listener.Failure(
                    description: "another process holds a lock on the folder of the socket, \(folder), for more than "
                        + "\(timeout.components.seconds) s: find it with lslocks, end it, and start again")
            }
            _ = poll(nil, 0, Self.pause)
        }
    }

    func unlock() {
        // Closing the only descriptor of this open file gives the lock back.
        _ = close(descriptor)
    }
}
