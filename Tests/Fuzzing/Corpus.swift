import Glibc

/// The inputs that mutation starts from: the texts of `JSONCorpus.swift`, and the files of `corpus/`, one input each,
/// which are whole streams. A file that once found a mistake stays there.
package enum Corpus {
    /// Why a folder could not be read.
    package struct Unreadable: Error, CustomStringConvertible {
        /// Which one, and what the system says.
        package let description: String
    }

    /// All of them, in a fixed order.
    package static func inputs() throws(Unreadable) -> [[UInt8]] {
        let strings = (invalidUTF8.map(\.bytes) + validUTF8).map { [0x22] + $0 + [0x22] }
        let texts = (acceptedTexts + refusedTexts.map(\.text)).map { Array($0.utf8) }
        return try texts + strings + files().map(\.content)
    }

    /// The files of `corpus/` beside this file, by name.
    package static func files() throws(Unreadable) -> [(
        name: String, content: [UInt8]
    )] {
        let folder = #filePath.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/corpus"
        guard let directory = opendir(folder) else { throw unreadable(folder) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        var files: [(name: String, content: [UInt8])] = []
        for name in names.sorted() { files.append((name, try content(of: "\(folder)/\(name)"))) }
        return files
    }

    private static func content(of path: String) throws(Unreadable) -> [UInt8] {
        guard let file = fopen(path, "r") else { throw unreadable(path) }
        defer { fclose(file) }
        var content = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&content, 1, content.count, file)
        return Array(content.prefix(count))
    }

    private static func unreadable(_ path: String) -> Unreadable {
        Unreadable(description: "\(path): \(String(cString: strerror(errno)))")
    }
}
