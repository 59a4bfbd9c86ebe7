import ArgumentParser
import FoundationEssentials

/// Settings that come from a flag or, without it, from the environment.
enum Environment {
    static let all = ProcessInfo.processInfo.environment

    /// The flag's value, else the variable's, else nil. A variable that is set but empty is not set.
    static func text(_ flag: String?, _ variable: String) -> String? {
        flag ?? all[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// As `text`, for an integer within `range`.
    ///
    /// - Throws: `ValidationError` that names the variable or the flag and what is allowed.
    static func integer(_ flag: Int?, _ variable: String, in range: ClosedRange<Int>) throws -> Int? {
        let allowed = "allowed is an integer from \(range.lowerBound) to \(range.upperBound)"
        if let flag {
            guard range.contains(flag) else {
                throw ValidationError("\(flag) is out of range: \(allowed) (\(variable))")
            }
            return flag
        }
        guard let text = text(nil, variable) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ValidationError("\(variable) is \"\(text)\": \(allowed)")
        }
        return value
    }

    /// Whether the flag was given, or the variable is 1, true, yes or on.
    static func isSet(_ flag: Bool, _ variable: String) throws -> Bool {
        guard !flag, let text = text(nil, variable)?.lowercased() else { return flag }
        if ["1", "true", "yes", "on"].contains(text) { return true }
        if ["0", "false", "no", "off"].contains(text) { return false }
        throw ValidationError("\(variable) is \"\(text)\": allowed are 1 and 0")
    }
}
