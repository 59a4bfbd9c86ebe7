import ArgumentParser
import FoundationEssentials
import Synchronization

/// Settings that come from a flag or, without it, from the environment.
enum Environment {
    static let all = ProcessInfo.processInfo.environment
    /// The variables that were asked for, and the one of the demo and the tests.
    private static let known = Mutex<Set<String>>(["OFFERSD_POSTGRES_BIN"])

    /// A sentence for each variable that looks like a setting of this program and is none, when all settings were asked
    /// for.
    static var strangers: [String] {
        let known = known.withLock { $0.sorted() }
        return all.keys.sorted().filter { $0.hasPrefix("OFFERSD_") && !known.contains($0) }.compactMap { name in
            known.min { EditDistance.between($0, name) < EditDistance.between($1, name) }.map {
                "\(name) is set and is no setting: the nearest one is \($0)"
            }
        }
    }

    /// The flag's value, else the variable's, else nil. A variable that is set but empty is not set.
    static func text(_ flag: String?, _ variable: String) -> String? {
        known.withLock { _ = $0.insert(variable) }
        return flag ?? all[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// As `text`, for an integer within `range`.
    ///
    /// - Throws: `ValidationError` that names the variable or the flag and what is allowed.
    static func integer(_ flag: Int?, _ variable: String, in range: ClosedRange<Int>) throws -> Int? {
        let text = text(nil, variable)
        let allowed = "allowed is an integer from \(range.lowerBound) to \(range.upperBound)"
        if let flag {
            guard range.contains(flag) else {
                throw ValidationError("\(flag) is out of range: \(allowed) (\(variable))")
            }
            return flag
        }
        guard let text else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ValidationError("\(variable) is \"\(text)\": \(allowed)")
        }
        return value
    }

    /// Whether the flag was given, or the variable is 1, true, yes or on.
    static func isSet(_ flag: Bool, _ variable: String) throws -> Bool {
        guard let text = text(nil, variable)?.lowercased(), !flag else { return flag }
        if ["1", "true", "yes", "on"].contains(text) { return true }
        if ["0", "false", "no", "off"].contains(text) { return false }
        throw ValidationError("\(variable) is \"\(text)\": allowed are 1 and 0")
    }
}
