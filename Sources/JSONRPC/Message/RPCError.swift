/// An error as it goes over the wire (JSON-RPC 2.0, section 5.1; codes and reasons in `Protocol/README.md`).
///
/// On the wire: `{"code":…,"message":…,"data":{"reason":…,"retryable":…}}`, the details behind these two in `data`.
package struct RPCError: Error, Sendable, Equatable {
    /// The number, part of the contract.
    package let code: Int
    /// The name of the code, part of the contract: what programs should look at.
    package let reason: String
    /// One English sentence for people: what is wrong, and what to do. It may change at any time.
    package let message: String
    /// Whether the same request may succeed if it is simply sent again.
    package let retryable: Bool
    /// Further members of `data`, in order. They are never named `reason` or `retryable`.
    package let details: [Detail]

    /// A further member of `data`.
    package struct Detail: Sendable, Equatable {
        /// The member's name.
        package let name: String
        /// The member's value.
        package let value: Scalar

        /// Pairs a name with a value.
        package init(name: String, value: Scalar) {
            self.name = name
            self.value = value
        }
    }

    /// A value without an inside.
    package enum Scalar: Sendable, Equatable {
        /// `null`.
        case null
        /// `true` or `false`.
        case bool(Bool)
        /// An integer.
        case integer(Int64)
        /// A string.
        case string(String)
    }

    /// An error of one's own; the standard ones have names below.
    package init(code: Int, reason: String, message: String, retryable: Bool = false, details: [Detail] = []) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryable = retryable
        self.details = details
    }

    /// The value of a detail; nil when there is none of this name.
    package func detail(_ name: String) -> Scalar? {
        self.details.first { $0.name == name }?.value
    }
}

/// The errors that JSON-RPC 2.0 defines, each with a reason.
extension RPCError {
    /// The line is not JSON.
    package static func parseError(_ error: JSONSyntaxError) -> RPCError {
        RPCError(
            code: -32700, reason: "PARSE_ERROR",
            message: "The line is not JSON: \(error.problem) at byte offset \(error.offset).")
    }

    /// The JSON is not a request.
    package static func invalidRequest(_ message: String) -> RPCError {
        RPCError(code: -32600, reason: "INVALID_REQUEST", message: message)
    }

    /// The batch has more entries than `limit`; none of them was looked at.
    package static func batchTooLong(limit: Int) -> RPCError {
        RPCError(
            code: -32600, reason: "BATCH_TOO_LONG",
            message: "The batch has more than \(limit) entries; split it.",
            details: [Detail(name: "limit", value: .integer(Int64(limit)))])
    }

    /// There is no such method.
    package static let methodNotFound = RPCError(
        code: -32601, reason: "METHOD_NOT_FOUND",
        message: "There is no such method; rpc.discover lists all methods.")

    /// A param is missing, unknown or of the wrong kind.
    ///
    /// - Parameters:
    ///   - path: The param's name, which becomes `data.path`.
    ///   - message: What is wrong with it.
    package static func invalidParams(path: String, message: String) -> RPCError {
        RPCError(
            code: -32602, reason: "INVALID_PARAMS", message: message,
            details: [Detail(name: "path", value: .string(path))])
    }

    /// An unforeseen failure. What it was is in the service's log only.
    package static let internalError = RPCError(
        code: -32603, reason: "INTERNAL_ERROR",
        message: "The service failed for a reason that it does not know; its log has the details.")
}

/// The errors beyond JSON-RPC 2.0 that the transport gives.
extension RPCError {
    /// A limit of the service is reached, and nothing was done.
    ///
    /// - Parameter retryAfterMilliseconds: When to come again, which becomes `data.retryAfterMs`.
    package static func overloaded(retryAfterMilliseconds: Int64) -> RPCError {
        RPCError(
            code: -32002, reason: "OVERLOADED",
            message: "The service is overloaded and did nothing; try again shortly.",
            retryable: true, details: [Detail(name: "retryAfterMs", value: .integer(retryAfterMilliseconds))])
    }

    /// The socket that the request came on has no right to the method.
    package static let forbidden = RPCError(
        code: -32005, reason: "FORBIDDEN", message: "This method is not allowed on this socket; use another one.")

    /// The line has more than `limit` bytes; it was skipped, and the next one is read as usual.
    package static func lineTooLong(limit: Int) -> RPCError {
        RPCError(
            code: -32007, reason: "LINE_TOO_LONG",
            message: "The line has more than \(limit) bytes and was skipped; send a shorter one.",
            details: [Detail(name: "limit", value: .integer(Int64(limit)))])
    }
}

extension RPCError: JSONEncodable {
    /// Writes the error object.
    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", Int64(self.code))
        writer.member("message", self.message)
        writer.key("data")
        writer.beginObject()
        writer.member("reason", self.reason)
        writer.member("retryable", self.retryable)
        for detail in self.details {
            writer.member(named: detail.name, detail.value)
        }
        writer.endObject()
        writer.endObject()
    }

    /// Reads an error object, as a client does; nil when it has no integer `code` or no string `message`.
    ///
    /// Another server may leave `data` out: then the reason is empty and the error not retryable. Details
    /// that are not scalars, or numbers that are not integers, are left out.
    package init?(_ json: JSONValue) {
        guard let code = json["code"]?.int64Value.flatMap(Int.init(exactly:)),
            let message = json["message"]?.stringValue
        else { return nil }
        let data = json["data"]?.members ?? []
        self.init(
            code: code,
            reason: data.first { $0.name == "reason" }?.value.stringValue ?? "",
            message: message,
            retryable: data.first { $0.name == "retryable" }?.value.boolValue ?? false,
            details: data.compactMap { member in
                guard member.name != "reason", member.name != "retryable" else { return nil }
                return Scalar(member.value).map { Detail(name: member.name, value: $0) }
            })
    }
}

extension RPCError.Scalar: JSONEncodable {
    /// Writes the value.
    package func encode(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let bool): writer.bool(bool)
        case .integer(let integer): writer.integer(integer)
        case .string(let string): writer.string(string)
        }
    }

    fileprivate init?(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let bool): self = .bool(bool)
        case .number(let number):
            guard let integer = number.int64 else { return nil }
            self = .integer(integer)
        case .string(let string): self = .string(string)
        case .array, .object: return nil
        }
    }
}
