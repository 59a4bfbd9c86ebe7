import FoundationEssentials
package import JSONRPC
import NIOCore

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

extension Decodable {
    /// Decodes what the service wrote. Members that the type does not have are ignored: later versions may add some. A
    /// member that may be null may be missing. Integers are exact in all of 64 bits.
    package init(json: JSONValue) throws(UnexpectedResult) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json.bytes.readableBytesView))
        } catch {
            throw UnexpectedResult(error)
        }
    }
}

extension UnexpectedResult {
    fileprivate init(_ error: any Error) {
        switch error as? DecodingError {
        case .typeMismatch(let type, let place)?, .valueNotFound(let type, let place)?:
            self.init(path: Self.path(place.codingPath), expected: Self.name(of: type))
        case .keyNotFound(let key, let place)?:
            self.init(path: Self.path(place.codingPath + [key]), expected: "there")
        case .dataCorrupted(let place)? where !place.codingPath.isEmpty:
            self.init(path: Self.path(place.codingPath), expected: "a value that the contract has")
        default:
            // The text is JSON, as there is a value. The decoder meets a limit of its own, and does not tell where.
            self.init(path: "", expected: "of 64-bit integers, Unicode strings and at most 512 levels")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce("") { path, key in
            if let index = key.intValue { return "\(path)[\(index)]" }
            return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
        }
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is any BinaryInteger.Type: "an integer"
        case is Bool.Type: "a boolean"
        case is String.Type: "a string"
        case is Timestamp.Type: "a time"
        case is any RandomAccessCollection.Type: "an array"
        default: "an object"
        }
    }
}
