import Glibc

/// Standard output of a program. A script must not take what could not be written for an empty success, so that
/// is an error here; `print` is silent about it.
package enum StandardOutput {
    /// Standard output refused what was written, as on a full disk.
    package struct Failure: Error, CustomStringConvertible {
        /// `errno` of write(2).
        let reason: Int32

        /// A sentence without its full stop.
        package var description: String { "cannot write to standard output: \(String(cString: strerror(reason)))" }
    }

    /// Writes all of a text, unbuffered, and waits for a reader that is slow.
    package static func write(_ text: String) throws(Failure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, -1)
            } else if errno != EINTR {
                throw Failure(reason: errno)
            }
        }
    }

    /// Opens what is missing of standard input, output and error. Otherwise the first file or socket of the process
    /// would get that number, and whatever is printed would go into it.
    ///
    /// Standard output is opened for reading only: nothing can be written to one that was closed, and that is an error.
    package static func openMissingDescriptors() {
        for descriptor in 0...2 where fcntl(Int32(descriptor), F_GETFD) < 0 && errno == EBADF {
            // It gets the lowest number that is free, which is this one.
            _ = open("/dev/null", Int32(descriptor) == STDOUT_FILENO ? O_RDONLY : O_RDWR)
        }
    }
}
