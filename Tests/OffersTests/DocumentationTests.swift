import FoundationEssentials
import Testing

/// The pages lead where they say, and the tests that they name exist. `swift package generate-documentation` checks what
/// DocC links to.
@Suite struct DocumentationTests {
    private static let root = protocolFolder.deletingLastPathComponent()

    private static func files(in folders: [String], ending: String) throws -> [String] {
        try folders.flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
                .filter { $0.hasSuffix(ending) }.map { "\(folder)/\($0)" }
        }
    }

    /// All Markdown files, by their paths from the root.
    private static func pages() throws -> [String] {
        try ["README.md"] + files(in: [".github", "Protocol", "Sources", "Tests", "systemd"], ending: ".md")
    }

    private static func text(of file: String) throws -> String {
        try String(contentsOf: root.appending(path: file), encoding: .utf8)
    }

    /// The targets of all links and pictures of a page, outside of its code.
    private static func links(in text: String) -> [String] {
        var isCode = false
        let prose = text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            if line.hasPrefix("```") { isCode.toggle() }
            return !isCode && !line.hasPrefix("    ")
        }
        let withoutCode = prose.joined(separator: "\n").replacing(/`[^`\n]*`/, with: "code")
        return withoutCode.matches(of: /\]\(([^()\s]+)\)/).map { String($0.1) }
    }

    /// The names that a page can be entered by: its headings as GitHub names them, and its own anchors.
    private static func anchors(in text: String) -> Set<String> {
        let headings = text.matches(of: /(?m)^#+ (.+)$/).map { match in
            String(
                match.1.lowercased().filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.map {
                    $0 == " " ? "-" : $0
                })
        }
        return Set(headings + text.matches(of: /<a id="([a-z_-]+)">/).map { String($0.1) })
    }

    @Test("Every link of every page leads to a file, and to a heading of it")
    func links() throws {
        let pages = try Self.pages()
        #expect(pages.count > 15)
        for page in pages {
            let text = try Self.text(of: page)
            for link in Self.links(in: text) where !link.contains("://") && !link.hasPrefix("doc:") {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let folder = Self.root.appending(path: page).deletingLastPathComponent()
                let file =
                    parts[0].isEmpty
                    ? Self.root.appending(path: page) : folder.appending(path: String(parts[0])).standardized
                #expect(FileManager.default.fileExists(atPath: file.path), "\(page): \(link)")
                #expect(file.path.hasPrefix(Self.root.standardized.path), "\(page): \(link) leaves the repository")
                guard parts.count > 1, file.pathExtension == "md" else { continue }
                let target = try String(contentsOf: file, encoding: .utf8)
                #expect(Self.anchors(in: target).contains(String(parts[1])), "\(page): \(link)")
            }
        }
    }

    @Test("The pages that the Debian package installs link to one another, and to nothing else of the repository")
    func installedPages() throws {
        let installed = try Self.pages().filter { $0.hasPrefix("systemd/") || $0.hasPrefix("Protocol/") }
        for page in installed {
            let folder = Self.root.appending(path: page).deletingLastPathComponent()
            for link in Self.links(in: try Self.text(of: page)) where !link.contains("://") && !link.hasPrefix("#") {
                let path = folder.appending(path: link).standardized.path
                let roots = ["systemd/", "Protocol/"].map { Self.root.standardized.appending(path: $0).path }
                #expect(roots.contains { path.hasPrefix($0) }, "\(page): \(link)")
            }
        }
    }

    @Test("Each guarantee names tests that prove it, and these tests exist")
    func guarantees() throws {
        let page = try Self.text(of: "Sources/OffersServer/OffersServer.docc/Guarantees.md")
        let sections = page.split(separator: "\n## G").dropFirst()
        #expect(sections.compactMap { $0.prefix { $0.isNumber } } == (1...13).map { "\($0)" })
        for section in sections {
            let proofs = section.matches(of: /(?m)^- `([^`]+)`: “(.+)”$/)
            #expect(!proofs.isEmpty, "\(section.prefix(20))")
            for proof in proofs {
                let tests = try Self.text(of: String(proof.1))
                let title = proof.2.replacing("\"", with: "\\\"")
                #expect(tests.contains("\"\(title)\""), "\(proof.1): \(proof.2)")
            }
        }
    }

    @Test("The articles name types, functions and files that exist")
    func names() throws {
        let sources = try Self.files(in: ["Sources"], ending: ".swift").map(Self.text)
        let words = Set(sources.flatMap { $0.split { !$0.isLetter && !$0.isNumber && $0 != "_" } })
        let articles = try Self.pages().filter { $0.contains(".docc/") || $0.hasPrefix(".github/") }
        #expect(words.count > 1000 && articles.count > 8)
        for article in articles {
            for code in try Self.text(of: article).matches(of: /`([^`\n]+)`/).map(\.1) {
                if ["Protocol/", "Sources/", "Tests/", "systemd/", ".ci/"].contains(where: code.hasPrefix) {
                    let path = Self.root.appending(path: String(code)).path
                    #expect(code.contains("…") || FileManager.default.fileExists(atPath: path), "\(article): \(code)")
                } else if article.contains(".docc/"),
                    code.contains(/^([A-Z][a-zA-Z]*[a-z][a-zA-Z]*|[a-z]+[A-Z][a-zA-Z]*)(\.[a-z][a-zA-Z]*)?$/)
                {
                    for word in code.split(separator: ".") {
                        #expect(words.contains(word), "\(article): \(code)")
                    }
                }
            }
        }
    }

    @Test("README has at most 120 lines")
    func readme() throws {
        #expect(try Self.text(of: "README.md").split(separator: "\n", omittingEmptySubsequences: false).count <= 121)
    }
}
