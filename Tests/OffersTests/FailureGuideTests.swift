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

    /// The rows of the first table below a heading, as cells without their white space.
    private func table(of heading: String) throws -> [[String]] {
        let lines = readme.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: heading[...]))
        let rows = lines[start...].drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }
        return rows.dropFirst(2).map { row in
            row.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false).map {
                $0.split(separator: " ").joined(separator: " ")
            }
        }
    }
}
