package import JSONRPC

/// The OpenRPC 1.3 document of the contract (spec.open-rpc.org), made from the descriptors that the params are read
/// with.
///
/// It is the result of `rpc.discover` and, pretty-printed, the file `Protocol/openrpc.json`.
package struct OpenRPCDocument: JSONEncodable {
    /// The document of this version of the contract.
    package init() {}

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("openrpc", "1.3.2")
        writer.key("info")
        writer.beginObject()
        writer.member("title", "offersd")
        writer.member("version", Contract.version)
        writer.member(
            "description",
            """
            Lists and accepts the orders that are offered to masters. JSON-RPC 2.0, one JSON text per line, on a Unix \
            stream socket; see Protocol/README.md for framing, ordering, limits and what to do about each error.
            """)
        writer.endObject()
        writer.key("methods")
        writer.beginArray()
        for method in Contract.methods { Self.encode(method, to: &writer) }
        writer.endArray()
        Self.encodeComponents(to: &writer)
        writer.endObject()
    }

    private static func encode(_ method: MethodDescription, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", method.name)
        writer.member("summary", method.summary)
        writer.member("description", method.description)
        // OpenRPC knows one order, with the required params first, for names and positions. Ours by position begins
        // with masterId, which may be left out by name; so the document describes the names, and a member of its own the
        // positions.
        writer.member("paramStructure", "by-name")
        writer.key("x-positional")
        writer.beginArray()
        for name in method.positionalNames { writer.string(name) }
        writer.endArray()
        writer.key("params")
        writer.beginArray()
        for parameter in method.parameters where parameter.required { encode(parameter, to: &writer) }
        for parameter in method.parameters where !parameter.required { encode(parameter, to: &writer) }
        writer.endArray()
        writer.key("result")
        writer.beginObject()
        writer.member("name", "result")
        writer.member("schema", method.result)
        writer.endObject()
        writer.key("errors")
        writer.beginArray()
        for reason in method.errors {
            writer.beginObject()
            writer.member("$ref", "#/components/errors/\(reason.rawValue)")
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func encode(_ parameter: ParameterDescription, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", parameter.name)
        writer.member("summary", parameter.summary)
        writer.member("required", parameter.required)
        writer.key("schema")
        switch parameter.kind {
        case .identifier:
            JSONSchema.integer().encode(to: &writer)
        case .integer(let range, default: let value):
            JSONSchema.integer(Int64(range.lowerBound)...Int64(range.upperBound))
                .encode(description: "", defaultValue: .integer(Int64(value)), to: &writer)
        case .choice(let labels, default: let label):
            JSONSchema.choice(labels).encode(description: "", defaultValue: .string(label), to: &writer)
        }
        writer.endObject()
    }

    private static func encodeComponents(to writer: inout JSONWriter) {
        writer.key("components")
        writer.beginObject()
        writer.key("schemas")
        writer.beginObject()
        for (name, schema) in schemas { writer.member(named: name, schema) }
        writer.endObject()
        writer.key("errors")
        writer.beginObject()
        for reason in Reason.allCases {
            writer.key(named: reason.rawValue)
            writer.beginObject()
            writer.member("code", Int64(reason.code))
            writer.member("message", reason.summary)
            writer.key("data")
            encodeData(of: reason, to: &writer)
            writer.endObject()
        }
        writer.endObject()
        writer.endObject()
    }

    /// The schema of `error.data`: OpenRPC allows any value there, and says nothing about its members otherwise.
    private static func encodeData(of reason: Reason, to writer: inout JSONWriter) {
        let details = reason.details.map { name in JSONSchema.Property(name, schema(ofDetail: name)) }
        let properties: [JSONSchema.Property] = [
            .init("reason", .choice([reason.rawValue])),
            .init("retryable", .boolean, reason.retryable ? "Always true." : "Always false."),
        ]
        JSONSchema.object(properties + details).encode(to: &writer)
    }

    /// The type of a member of ``Reason/details``.
    static func schema(ofDetail name: String) -> JSONSchema {
        switch name {
        case "limit", "active", "retryAfterMs": .integer()
        case "blockedReason": .nullable(.string)
        case "expiredAt": .nullable(.timestamp)
        default: .string
        }
    }

    /// `components.schemas`, by name.
    static let schemas: [(name: String, schema: JSONSchema)] = [
        ("ListOffersResult", ListOffersResult.schema),
        ("GetOfferResult", GetOfferResult.schema),
        ("AcceptOfferResult", AcceptOfferResult.schema),
        ("DeclineOfferResult", DeclineOfferResult.schema),
        ("ExplainOfferResult", ExplainOfferResult.schema),
        ("HealthResult", HealthResult.schema),
        ("OfferEntry", .object(OfferEntry.properties)),
        ("OfferCard", OfferCard.schema),
        ("AcceptedOrder", AcceptedOrder.schema),
        ("Timeslot", Timeslot.schema),
        ("AcceptForecast", AcceptForecast.schema),
        ("MasterState", MasterState.schema),
        ("OrderState", OrderState.schema),
        ("OfferRecord", OfferRecord.schema),
        ("StatusChange", StatusChange.schema),
        ("DatabaseHealth", HealthResult.Database.schema),
    ]
}
