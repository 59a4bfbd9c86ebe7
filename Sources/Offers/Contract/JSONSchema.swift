package import JSONRPC

/// The part of JSON Schema (draft 7) with which the contract describes its values.
///
/// Every member of an object is required: a column without a value is `null`, never left out. Objects may get further
/// members in later versions, so none forbids them.
package indirect enum JSONSchema: Sendable, JSONEncodable {
    /// An integer without fraction and exponent, within the range if there is one.
    case integer(ClosedRange<Int64>? = nil)
    /// Any string.
    case string
    /// One of these strings.
    case choice([String])
    /// An RFC 3339 time in UTC, six digits, `Z` (``Timestamp``).
    case timestamp
    /// `true` or `false`.
    case boolean
    /// Any JSON value of this JSON type.
    case anything(type: String)
    /// An array of such values.
    case array(JSONSchema)
    /// An object of positive integers, whatever their names.
    case counts
    /// Exactly one of these.
    case oneOf([JSONSchema])
    /// Such a value, or `null`.
    case nullable(JSONSchema)
    /// An object with at least these members, in this order.
    case object([Property])
    /// The schema of this name in `components.schemas`.
    case reference(String)

    /// A member of an object.
    package struct Property: Sendable {
        /// The member's name.
        package let name: String
        /// What it means; empty if name and schema say it.
        package let description: String
        /// Which values it has.
        package let schema: JSONSchema

        /// A member with its meaning.
        package init(_ name: String, _ schema: JSONSchema, _ description: String = "") {
            self.name = name
            self.description = description
            self.schema = schema
        }
    }

    package func encode(to writer: inout JSONWriter) {
        encode(description: "", defaultValue: nil, to: &writer)
    }

    /// Writes the schema as an object with a description and a default, if it has them.
    package func encode(description: String, defaultValue: JSONDefault?, to writer: inout JSONWriter) {
        writer.beginObject()
        if !description.isEmpty { writer.member("description", description) }
        switch self {
        case .integer(let range):
            writer.member("type", "integer")
            if let range {
                writer.member("minimum", range.lowerBound)
                writer.member("maximum", range.upperBound)
            }
        case .string:
            writer.member("type", "string")
        case .choice(let labels):
            writer.member("type", "string")
            writer.key("enum")
            writer.beginArray()
            for label in labels { writer.string(label) }
            writer.endArray()
        case .timestamp:
            writer.member("type", "string")
            writer.member("format", "date-time")
            writer.member("pattern", "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$")
        case .boolean:
            writer.member("type", "boolean")
        case .anything(let type):
            writer.member("type", type)
        case .array(let element):
            writer.member("type", "array")
            writer.key("items")
            element.encode(to: &writer)
        case .counts:
            writer.member("type", "object")
            writer.member("additionalProperties", JSONSchema.integer(1...Int64.max))
        case .oneOf(let schemas):
            Self.encode(oneOf: schemas, to: &writer)
        case .nullable(let schema):
            Self.encode(oneOf: [schema, .anything(type: "null")], to: &writer)
        case .object(let properties):
            encode(properties: properties, to: &writer)
        case .reference(let name):
            writer.member("$ref", "#/components/schemas/\(name)")
        }
        switch defaultValue {
        case .integer(let value): writer.member("default", value)
        case .string(let value): writer.member("default", value)
        case nil: break
        }
        writer.endObject()
    }

    private static func encode(oneOf schemas: [JSONSchema], to writer: inout JSONWriter) {
        writer.key("oneOf")
        writer.beginArray()
        for schema in schemas { schema.encode(to: &writer) }
        writer.endArray()
    }

    private func encode(properties: [Property], to writer: inout JSONWriter) {
        writer.member("type", "object")
        writer.key("properties")
        writer.beginObject()
        for property in properties {
            writer.key(named: property.name)
            property.schema.encode(description: property.description, defaultValue: nil, to: &writer)
        }
        writer.endObject()
        writer.key("required")
        writer.beginArray()
        for property in properties { writer.string(property.name) }
        writer.endArray()
    }
}

/// The value that a parameter has when it is left out.
package enum JSONDefault: Sendable, Equatable {
    /// An integer.
    case integer(Int64)
    /// A string.
    case string(String)
}
