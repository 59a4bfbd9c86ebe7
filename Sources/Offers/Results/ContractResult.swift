package import JSONRPC

/// A result of the contract: the service writes it, a client decodes it, the OpenRPC document describes it.
package protocol ContractResult: JSONEncodable, Decodable, Equatable {
    /// What ``JSONRPC/JSONEncodable/encode(to:)`` writes.
    static var schema: JSONSchema { get }
}
