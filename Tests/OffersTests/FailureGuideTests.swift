import FoundationEssentials
import Offers
import Testing

/// systemd/README.md tells an operator what to do about everything that a caller can be told.
@Suite struct FailureGuideTests {
    private let readme: String

    init() throws {
        let root = protocolFolder.deletingLastPathComponent()
        readme = try String(contentsOf: root.appending(path: "systemd/README.md"), encoding: .utf8)
    }

    @Test("Every reason of the contract has one row, in the contract's order, and no other has")
    func reasons() throws {
        let rows = try table(of: "### What a caller is told")
        #expect(rows.map { $0.first } == Reason.allCases.map { "`\($0.rawValue)`" })
        for row in rows {
            #expect(row.count == 4 && !row[1].isEmpty, "\(row)")
        }
        // What is a fault and not business has something to look at or to do.
        for (row, reason) in zip(rows, Reason.allCases) where reason.origin != .domain {
            #expect(!row[3].isEmpty, "\(reason) has nothing to do")
        }
    }

    @Test("Every state of health has a row")
    func states() throws {
        let rows = try table(of: "### What health says")
        for status in HealthResult.Status.allCases {
            #expect(rows.contains { $0[0].hasPrefix("`\(status.rawValue)`") && !$0[1].isEmpty }, "\(status)")
        }
    }

    @Test("Every alarm links to an anchor of this page, and every fault that a caller can be told rings one")
    func alarms() throws {
        let root = protocolFolder.deletingLastPathComponent()
        let rules = try String(
            contentsOf: root.appending(path: "systemd/monitoring/offersd.rules.yml"), encoding: .utf8)
        let anchors = readme.matches(of: /<a id="([a-z_-]+)"><\/a>/).map { String($0.1) }
        #expect(Set(anchors).count == anchors.count)
        // That of the reason, where an alarm is for many.
        let links = rules.matches(of: /runbook_url: file:\/\/\/usr\/share\/doc\/offersd\/systemd\/README\.md#(.+)/)
            .map { String($0.1) }
        #expect(links.count == rules.matches(of: #/- alert: /#).count && !links.isEmpty)
        for link in links where link != "{{ $labels.reason | toLower }}" {
            #expect(anchors.contains(link), "\(link)")
        }
        let alarming = rules.matches(of: /reason=~?"([A-Z_|]+)"/).flatMap { $0.1.split(separator: "|") }
        // Every restart of the service says that it shuts down.
        let faults = Reason.allCases.filter { $0.origin != .domain && $0 != .shuttingDown }
        #expect(Set(alarming) == Set(faults.map { $0.rawValue[...] }))
        for fault in faults {
            #expect(anchors.contains(fault.rawValue.lowercased()), "\(fault)")
        }
    }

    /// The rows of the first table below a heading, as cells without their white space.
    private func table(of heading: String) throws -> [[String]] {
        let lines = readme.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: heading[...]))
        let rows = lines[start...].drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }
        return rows.dropFirst(2).map { row in
            // Without the anchors that alarms link to.
            row.dropFirst().dropLast().replacing(/<a id="[a-z_-]+"><\/a>/, with: "")
                .split(separator: "|", omittingEmptySubsequences: false).map {
                    $0.split(separator: " ").joined(separator: " ")
                }
        }
    }
}
