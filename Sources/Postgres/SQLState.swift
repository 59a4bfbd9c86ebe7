/// The five characters by which Postgres names an error; PostgreSQL manual, appendix A.
///
/// An open set: codes that are not listed here are as valid as those that are.
package struct SQLState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    /// The first two characters, which stand for a family of errors.
    package var errorClass: Substring { rawValue.prefix(2) }

    package static let divisionByZero = SQLState(rawValue: "22012")
    package static let readOnlySQLTransaction = SQLState(rawValue: "25006")
    package static let invalidSQLStatementName = SQLState(rawValue: "26000")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let invalidSchemaName = SQLState(rawValue: "3F000")
    package static let undefinedColumn = SQLState(rawValue: "42703")
    package static let undefinedFunction = SQLState(rawValue: "42883")
    package static let undefinedObject = SQLState(rawValue: "42704")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let featureNotSupported = SQLState(rawValue: "0A000")
    package static let tooManyConnections = SQLState(rawValue: "53300")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let queryCanceled = SQLState(rawValue: "57014")
    package static let adminShutdown = SQLState(rawValue: "57P01")
    package static let crashShutdown = SQLState(rawValue: "57P02")
    package static let cannotConnectNow = SQLState(rawValue: "57P03")

    /// The transaction lost against another one and can simply be run again.
    package var isConflict: Bool { self == .serializationFailure || self == .deadlockDetected }

    /// The statement ran into `statement_timeout`, `lock_timeout` or a cancel request.
    package var isTimeout: Bool { self == .queryCanceled || self == .lockNotAvailable }

    /// The database does not have, or does not let this role use, something that the statement names.
    package var isMissingObject: Bool {
        switch self {
        case .insufficientPrivilege, .invalidSchemaName, .undefinedColumn, .undefinedFunction, .undefinedObject,
            .undefinedTable:
            true
        default: false
        }
    }

    /// The server cannot do it at present, whatever is asked of it, and has done nothing: it lacks resources (class
    /// 53), has reached a limit such as that of transaction numbers (54), is being stopped or started (57), or cannot
    /// read or write its files (58, and damage in them, XX001 and XX002).
    package var isInability: Bool {
        switch errorClass {
        case "53", "54", "58": true
        case "57": self != .queryCanceled
        default: rawValue == "XX001" || rawValue == "XX002"
        }
    }

    /// Whether the primary message of such an error can have a value in it, such as `invalid input syntax for type
    /// integer: "…"`.
    var quotesValues: Bool {
        switch rawValue {
        // Out of range, datetime format and field, text and binary representation, characters.
        case "22003", "22007", "22008", "22018", "22P02", "22P03", "22P05", "22021": true
        default: false
        }
    }

    /// The connection is of no further use after this error.
    package var closesConnection: Bool {
        switch self {
        case .readOnlySQLTransaction, .adminShutdown, .crashShutdown, .cannotConnectNow, .tooManyConnections: true
        default: errorClass == "08"
        }
    }
}
