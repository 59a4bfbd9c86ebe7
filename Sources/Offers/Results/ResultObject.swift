package import JSONRPC

/// A result of the contract: the service writes it, a client reads it, the OpenRPC document describes it.
package protocol ContractResult: JSONEncodable, Hashable {
    /// What ``JSONRPC/JSONEncodable/encode(to:)`` writes.
    static var schema: JSONSchema { get }

    /// Reads what the service wrote. Members that it does not know are ignored: later versions may add some.
    init(json: JSONValue) throws(UnexpectedResult)
}

/// A result that does not have the form that the contract promises: the peer is another version or another program.
package struct UnexpectedResult: Error, Hashable, CustomStringConvertible {
    /// Where, such as `offers[3].orderId`; empty for the result itself.
    package let path: String
    /// What should be there, such as `an integer`.
    package let expected: String

    /// What is not as it should be.
    package init(path: String, expected: String) {
        self.path = path
        self.expected = expected
    }

    package var description: String {
        "The result does not fit the contract: \(path.isEmpty ? "it" : path) is not \(expected)."
    }
}

/// The members of one object of a result, with the path that leads to it.
struct ResultObject {
    let path: String
    private let members: [JSONMember]

    init(_ json: JSONValue, path: String = "") throws(UnexpectedResult) {
        guard let members = json.members else { throw UnexpectedResult(path: path, expected: "an object") }
        self.path = path
        self.members = members
    }

    private func path(of name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }

    private func value<Value>(
        _ name: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(UnexpectedResult) -> Value {
        guard let json = members.first(where: { $0.name == name })?.value, let value = read(json) else {
            throw UnexpectedResult(path: path(of: name), expected: expected)
        }
        return value
    }

    func integer(_ name: String) throws(UnexpectedResult) -> Int64 {
        try value(name, "an integer", \.int64Value)
    }

    func optionalInteger(_ name: String) throws(UnexpectedResult) -> Int64? {
        try value(name, "an integer or null") { $0.isNull ? .some(nil) : $0.int64Value.map { .some($0) } }
    }

    func bool(_ name: String) throws(UnexpectedResult) -> Bool {
        try value(name, "a boolean", \.boolValue)
    }

    func optionalBool(_ name: String) throws(UnexpectedResult) -> Bool? {
        try value(name, "a boolean or null") { $0.isNull ? .some(nil) : $0.boolValue.map { .some($0) } }
    }

    func string(_ name: String) throws(UnexpectedResult) -> String {
        try value(name, "a string", \.stringValue)
    }

    func optionalString(_ name: String) throws(UnexpectedResult) -> String? {
        try value(name, "a string or null") { $0.isNull ? .some(nil) : $0.stringValue.map { .some($0) } }
    }

    func timestamp(_ name: String) throws(UnexpectedResult) -> Timestamp {
        try value(name, "a time") { $0.stringValue.flatMap { Timestamp(text: $0) } }
    }

    func optionalTimestamp(_ name: String) throws(UnexpectedResult) -> Timestamp? {
        try value(name, "a time or null") {
            $0.isNull ? .some(nil) : $0.stringValue.flatMap { Timestamp(text: $0) }.map { .some($0) }
        }
    }

    func object(_ name: String) throws(UnexpectedResult) -> ResultObject {
        try ResultObject(value(name, "an object") { $0 }, path: path(of: name))
    }

    func optionalObject(_ name: String) throws(UnexpectedResult) -> ResultObject? {
        let json = try value(name, "an object or null") { $0 }
        return json.isNull ? nil : try ResultObject(json, path: path(of: name))
    }

    /// - Parameter orNone: Whether the member may be missing, as a version of the service before it had none.
    func strings(_ name: String, orNone: Bool = false) throws(UnexpectedResult) -> [String] {
        if orNone, !members.contains(where: { $0.name == name }) { return [] }
        let elements = try value(name, "an array", \.elements)
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            guard let string = element.stringValue else {
                throw UnexpectedResult(path: "\(path(of: name))[\(index)]", expected: "a string")
            }
            strings.append(string)
        }
        return strings
    }

    /// The numbers of an object, in the order of the text; nil for null.
    func optionalCounts(_ name: String) throws(UnexpectedResult) -> [ReasonCount]? {
        let json = try value(name, "an object or null") { $0 }
        if json.isNull { return nil }
        guard let members = json.members else { throw UnexpectedResult(path: path(of: name), expected: "an object") }
        var counts: [ReasonCount] = []
        for member in members {
            guard let count = member.value.int64Value else {
                throw UnexpectedResult(path: "\(path(of: name)).\(member.name)", expected: "an integer")
            }
            counts.append(ReasonCount(reason: member.name, count: count))
        }
        return counts
    }

    func optionalObjects(_ name: String) throws(UnexpectedResult) -> [ResultObject]? {
        try value(name, "an array or null") { $0 }.isNull ? nil : objects(name)
    }

    func objects(_ name: String) throws(UnexpectedResult) -> [ResultObject] {
        let elements = try value(name, "an array", \.elements)
        var objects: [ResultObject] = []
        for (index, element) in elements.enumerated() {
            objects.append(try ResultObject(element, path: "\(path(of: name))[\(index)]"))
        }
        return objects
    }
}
