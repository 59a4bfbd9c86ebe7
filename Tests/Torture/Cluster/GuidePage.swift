import Foundation

/// The page `systemd/two-machines.md`: what operators are told to write and to type is what the clusters are made of.
struct GuidePage: Sendable {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    private let sections: [String: [String]]

    /// Reads it from the sources that this program was built of.
    init() throws {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        let text = try String(contentsOf: folder.appending(path: "systemd/two-machines.md"), encoding: .utf8)
        var sections: [String: [String]] = [:]
        for section in text.components(separatedBy: "\n## ").dropFirst() {
            let parts = section.components(separatedBy: "```")
            let blocks = parts.indices.filter { $0 % 2 == 1 }.map { index in
                parts[index].split(separator: "\n", omittingEmptySubsequences: false).dropFirst()
                    .joined(separator: "\n")
            }
            sections[String(section.prefix { $0 != "\n" })] = blocks
        }
        self.sections = sections
    }

    /// The block whose first lines name a file, as the machine `name` has it: with its own name where the page says so.
    func file(_ path: String, of name: String = "db1") throws -> String {
        for block in sections.values.joined() where block.split(separator: "\n").prefix(2).contains("# \(path)") {
            return block.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.contains("# own name") ? line.replacingOccurrences(of: "db1", with: name) : String(line)
            }.joined(separator: "\n")
        }
        throw Missing(description: "systemd/two-machines.md has no block that begins with '# \(path)'")
    }

    /// The only block of a section that has this word in it.
    func commands(_ section: String, with word: String) throws -> String {
        let found = (sections[section] ?? []).filter { $0.contains(word) }
        guard found.count == 1 else {
            throw Missing(description: "systemd/two-machines.md: \(found.count) blocks with '\(word)' in '\(section)'")
        }
        return found[0]
    }
}
