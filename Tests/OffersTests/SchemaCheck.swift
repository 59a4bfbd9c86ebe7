import JSONRPC
import NIOCore
import Offers

/// Checks a value against a schema of the OpenRPC document: the part of JSON Schema that the document uses.
///
/// Stricter than the schema in one thing: the members of an object must be exactly those described, in that order, so
/// that code and description cannot drift apart.
struct SchemaCheck {
    let schemas: JSONValue

    /// What is wrong, with the path; empty if the value fits.
    func problems(_ value: JSONValue, _ schema: JSONValue, _ path: String = "$") -> [String] {
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last {
            guard let target = schemas[String(name)] else { return ["\(path): no schema \(name)"] }
            return problems(value, target, path)
        }
        if let choices = schema["oneOf"]?.elements {
            let matches = choices.count { problems(value, $0, path).isEmpty }
            return matches == 1 ? [] : ["\(path): fits \(matches) of oneOf"]
        }
        if let labels = schema["enum"]?.elements, !labels.contains(value) { return ["\(path): not of enum"] }
        switch (schema["type"]?.stringValue, value) {
        case ("null", .null), ("boolean", .bool):
            return []
        case ("string", .string(let text)):
            return schema["format"] != nil && Timestamp(text: text) == nil ? ["\(path): no time"] : []
        case ("integer", .number(let number)) where number.isInteger:
            guard let integer = number.int64 else { return ["\(path): beyond 64 bits"] }
            let low = schema["minimum"]?.int64Value ?? .min
            let high = schema["maximum"]?.int64Value ?? .max
            return (low...high).contains(integer) ? [] : ["\(path): out of range"]
        case ("array", .array(let text)):
            guard let items = schema["items"] else { return [] }
            return text.elements().enumerated().flatMap { problems($1, items, "\(path)[\($0)]") }
        case ("object", .object(let text)):
            guard let properties = schema["properties"]?.members else {
                guard let values = schema["additionalProperties"] else { return [] }
                return text.members().flatMap { problems($0.value, values, "\(path).\($0.name)") }
            }
            let members = text.members()
            guard members.map(\.name) == properties.map(\.name) else { return ["\(path): other members"] }
            guard schema["required"]?.elements?.map(\.stringValue) == members.map(\.name) else {
                return ["\(path): not all members are required"]
            }
            return zip(members, properties).flatMap { problems($0.value, $1.value, "\(path).\($0.name)") }
        default:
            return ["\(path): not \(schema["type"]?.stringValue ?? "anything")"]
        }
    }
}

/// What an encodable writes, read back.
func written(_ value: some JSONEncodable) throws -> JSONValue {
    var writer = JSONWriter()
    value.encode(to: &writer)
    return try JSONValue(parsing: writer.buffer)
}
