import SystemPackage
import Testing
import Turns

@testable import torture

/// What `torture cluster` does for as long as one likes, once.
@Suite("A cluster that Patroni keeps", .alone)
struct ClusterTests {
    /// The packages are no part of what `.ci/install` installs; `.ci/cluster` installs them.
    @Test(
        "a switchover there and back, and the death of a postmaster",
        .disabled(if: Laboratory.obstacle != nil, "\(Laboratory.obstacle ?? "")"))
    func incidents() async throws {
        let command = [
            try Programs.built("torture").string, "cluster", "--nodes", "2", "--seed", "3", "--incidents",
            "switchover,postmasterKilled", "--room", "20000",
        ]
        // It ends with another status, which is thrown with all that it printed, when a promise was broken.
        let output = try await Programs.run(command)
        #expect(output.contains("0 violations on 2 machines"), "\(output)")
    }

    @Test("each file that the page names is there, once, and each command that the test runs")
    func page() throws {
        let page = try GuidePage()
        #expect(try page.file("/etc/patroni/config.yml", of: "db2").contains("connect_address: db2:5432"))
        #expect(try page.file("/etc/default/etcd", of: "db3").contains("ETCD_NAME=db3"))
        #expect(throws: GuidePage.Missing.self) { try page.file("/etc/elsewhere") }
        #expect(try page.commands("A switchover", with: "switchover").hasPrefix("patronictl"))
        #expect(throws: GuidePage.Missing.self) { try page.commands("A switchover", with: "nothing of it") }
    }
}
