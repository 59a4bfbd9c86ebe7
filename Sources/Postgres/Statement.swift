/// A constant SQL text with a name. It is prepared under that name once per connection, at its first use.
///
/// The text is a `StaticString` or is put together from such by this project: parameters never meet SQL text.
///
/// An object, because every request takes its statement along through half a dozen hands.
package final class Statement: Sendable, Hashable {
    /// The name, unique among the statements of this process.
    package let name: String
    /// The text, with `$1`, `$2`, … for the parameters.
    package let sql: String
    /// The types of the parameters, in order.
    package let parameterTypes: [ParameterType]

    package init(_ name: String, parameters: [ParameterType] = [], sql: String) {
        self.name = name
        self.sql = sql
        self.parameterTypes = parameters
    }

    package static func == (one: Statement, other: Statement) -> Bool { one.name == other.name }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// The type of a parameter; raw values are type OIDs of `pg_type`, which never change.
package enum ParameterType: UInt32, Sendable {
    case int8 = 20
    case text = 25
    case int8Array = 1016
    case timestamptz = 1184
}

/// The value of a parameter; nil is SQL's NULL.
package enum Parameter: Sendable, Equatable {
    case int8(Int64?)
    /// An array of one dimension, NULLs among its elements.
    case int8Array([Int64?])
    case text(String?)
    /// Microseconds since 2000-01-01 UTC.
    case timestamptz(Int64?)
}

/// A statement with its parameters, ready to be sent.
package struct BoundStatement: Sendable {
    package let statement: Statement
    package let parameters: [Parameter]
    /// Whether the connection prepares it under its name. What is not prepared is parsed anew each time, and so is what
    /// the database makes of it now.
    package let isPrepared: Bool

    package init(_ statement: Statement, _ parameters: [Parameter] = [], isPrepared: Bool = true) {
        self.statement = statement
        self.parameters = parameters
        self.isPrepared = isPrepared
    }

    /// The same, not prepared.
    package var unprepared: BoundStatement { BoundStatement(statement, parameters, isPrepared: false) }
}
