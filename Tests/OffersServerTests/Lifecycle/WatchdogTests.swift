import Foundation
import SystemPackage
import Testing
import Turns

/// The real program, and what it tells a service manager: a datagram socket that a script listens on (sd_notify(3)).
@Suite("Notifications to the service manager", .inTurn)
struct WatchdogTests {
    /// Runs a Python script that has `start(**environment)`, `heard()` for the next message, and `freeze` and `thaw`
    /// for a thread of the process; returns what it printed.
    private static func python(_ script: String) async throws -> String {
        try await OffersdProcess.withFolder { folder in
            let file = folder + "/manager.py"
            try (prelude + script).write(toFile: file, atomically: true, encoding: .utf8)
            return try await BuiltProgram.shell(
                "python3 \"$1\" \"$2\" \"$3\" 2>&1", file, folder, try BuiltProgram.path("offersd").string
            ).output
        }
    }

    private static let prelude = """
        import atexit, ctypes, os, socket, subprocess, sys
        folder, offersd = sys.argv[1:]
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

        def start(name, **environment):
            manager.bind(name.replace("@", "\\0")); manager.settimeout(100)
            process = subprocess.Popen(
                [offersd, "serve", "--socket", folder + "/o.sock", "--database", "host=/nonexistent"],
                env=dict(os.environ, NOTIFY_SOCKET=name, **environment), stderr=subprocess.DEVNULL)
            atexit.register(process.kill)  # also when something below goes wrong
            return process

        def heard(): return manager.recv(4096).decode().split("\\n")

        def rest():
            manager.setblocking(False)
            while True:
                try: yield from heard()
                except BlockingIOError: return

        libc = ctypes.CDLL(None, use_errno=True)
        def trace(request, thread):
            if libc.ptrace(request, thread, None, None) != 0:
                sys.exit("ptrace: " + os.strerror(ctypes.get_errno()))

        def freeze(pid, name):
            for thread in map(int, os.listdir(f"/proc/{pid}/task")):
                if open(f"/proc/{pid}/task/{thread}/comm").read().startswith(name):
                    trace(0x4206, thread); trace(0x4207, thread)  # SEIZE, INTERRUPT
                    os.waitpid(thread, 0x40000000)  # __WALL: it has stopped
                    return thread
            sys.exit("no thread " + name)

        def thaw(thread): trace(17, thread)  # DETACH

        """

    @Test("READY first, then STATUS, WATCHDOG while requests are served, also without a database; STOPPING at the end")
    func wholeLife() async throws {
        let output = try await Self.python(
            """
            process = start(folder + "/notify", WATCHDOG_USEC="400000")
            first, state = heard()
            print(first)
            beats = 0
            while beats < 5 or "reached yet" in state:
                for line in heard():
                    if line == "WATCHDOG=1": beats += 1
                    else: state = line
            print(state)
            process.terminate()
            print(process.wait())
            print(*[line for line in rest() if line != "WATCHDOG=1"], sep="|")
            """)
        #expect(
            output == """
                READY=1
                STATUS=Serving; the database cannot be reached
                0
                STOPPING=1|STATUS=Stopping; what has arrived is answered

                """, "\(output)")
    }

    @Test("A manager in the abstract namespace hears it, too; a watchdog that is meant for another process is not fed")
    func abstractAndOther() async throws {
        let output = try await Self.python(
            """
            process = start("@offersd-test-%d" % os.getpid(), WATCHDOG_USEC="40000", WATCHDOG_PID="1")
            print(heard()[0])
            client = socket.socket(socket.AF_UNIX)
            client.connect(folder + "/o.sock")
            for turn in range(300):
                client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"health"}\\n')
                client.recv(4096)
            process.terminate()
            process.wait()
            print("WATCHDOG=1" in rest())
            """)
        #expect(output == "READY=1\nFalse\n", "\(output)")
    }

    @Test("A frozen event loop starves the watchdog, and one that moves again feeds it")
    func frozenLoop() async throws {
        let output = try await Self.python(
            """
            process = start(folder + "/notify", WATCHDOG_USEC="200000")
            while heard() != ["WATCHDOG=1"]: pass
            loop = freeze(process.pid, "NIO-ELT")
            list(rest())  # what was sent before
            manager.settimeout(2)  # ten times what the manager allows
            late = 0  # one may have been on its way
            try:
                while late < 3: heard(); late += 1
                print("beats")
            except TimeoutError: print("silence")
            thaw(loop)
            manager.settimeout(100)
            while heard() != ["WATCHDOG=1"]: pass
            print("beats again")
            process.terminate()
            print(process.wait())
            """)
        #expect(output == "silence\nbeats again\n0\n", "\(output)")
    }
}
