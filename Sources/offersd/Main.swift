import ArgumentParser
import Glibc

@main
enum Main {
    static func main() async {
        Signals.ignoreHarmless()
        openStandardDescriptors()
        await Offersd.main()
    }

    /// A process may be started without standard input, output or error. Then the first file or socket that it opens
    /// would get that number, and whatever is printed would go into it.
    private static func openStandardDescriptors() {
        for descriptor in 0...2 where fcntl(Int32(descriptor), F_GETFD) < 0 && errno == EBADF {
            // It gets the lowest number that is free, which is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }
}
