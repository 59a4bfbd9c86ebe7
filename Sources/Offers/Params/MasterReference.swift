import JSONRPC

/// How a request names its master.
///
/// nil stands for an integer that does not fit into 64 bits: no column holds it, so that master is simply not found.
package enum MasterReference: Hashable, Sendable {
    /// `masters.id`.
    case id(Int64?)
    /// `masters.tg_user_id`.
    case telegramUser(Int64?)

    /// The param that says it, for a request by name.
    var member: JSONMember {
        switch self {
        case .id(let id): JSONMember(name: "masterId", value: .identifier(id))
        case .telegramUser(let id): JSONMember(name: "telegramUserId", value: .identifier(id))
        }
    }
}

extension JSONValue {
    /// An identifier. nil becomes the largest integer of 64 bits, which no column of the contract holds either.
    static func identifier(_ id: Int64?) -> JSONValue {
        .number(JSONNumber(id ?? .max))
    }
}
