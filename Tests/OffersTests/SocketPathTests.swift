import Testing

@testable import Offers

@Suite("Where a client looks for the socket")
struct SocketPathTests {
    @Test(
        "the first of the rule that is said, and in a session only what is there",
        arguments: [
            (["OFFERSD_SOCKET": "/a", "RUNTIME_DIRECTORY": "/b", "XDG_RUNTIME_DIR": "/c"], true, "/a"),
            (["OFFERSD_SOCKET": "", "RUNTIME_DIRECTORY": "/b:/d", "XDG_RUNTIME_DIR": "/c"], true, "/b/offers.sock"),
            (["RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": "/c"], true, "/c/offersd/offers.sock"),
            (["XDG_RUNTIME_DIR": "/c"], false, "/run/offersd/offers.sock"),
            (["XDG_RUNTIME_DIR": ""], true, "/run/offersd/offers.sock"),
            ([:], true, "/run/offersd/offers.sock"),
        ])
    func standard(environment: [String: String], isThere: Bool, path: String) {
        #expect(SocketPath.standard(environment) { $0 == "/c/offersd/offers.sock" && isThere } == path)
    }
}
