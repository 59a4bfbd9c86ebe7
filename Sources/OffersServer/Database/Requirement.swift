/// One thing that the service needs of a database, and for what.
struct Requirement: Sendable {
    /// What fails without it.
    enum Purpose: String, Sendable, CaseIterable {
        case list, accept, decline, explain, metrics
    }

    /// What must be there.
    enum Subject: Sendable {
        /// The privilege on the column (and the column).
        case column(String, Privilege)
        /// UPDATE on any column, which row locks need; the one that is granted if it is for nothing but them.
        case rowLocks(grant: String?)
        /// The right to take ids from the sequence behind `id`.
        case sequence
    }

    enum Privilege: String, Sendable {
        case select = "SELECT"
        case insert = "INSERT"
        case update = "UPDATE"
    }

    let table: String
    let subject: Subject
    let purposes: [Purpose]

    /// Everything that the statements of this program name.
    static let all: [Requirement] = [
        reads("masters", "id tg_user_id", for: [.list, .accept, .decline, .explain]),
        reads(
            "masters",
            "is_blocked blocked_reason is_active is_deleted verified moderation_status max_active_orders_override",
            for: [.accept, .explain]),
        reads("cities", "id name timezone", for: [.list, .accept]),
        reads("districts", "id name", for: [.list, .accept]),
        reads("streets", "id name", for: [.list, .accept]),
        reads("settings", "key value", for: [.accept, .explain]),
        reads("orders", "id status assigned_master_id", for: [.list, .accept, .decline, .explain]),
        reads(
            "orders",
            "city_id district_id street_id house category description timeslot_start_utc timeslot_end_utc",
            for: [.list, .accept]),
        reads("orders", "apartment address_comment client_name client_phone", for: [.accept]),
        reads("orders", "version", for: [.accept, .explain]),
        writes("orders", "assigned_master_id status version updated_at", .update, for: [.accept]),
        reads(
            "offers", "id order_id master_id round_number state sent_at responded_at expires_at",
            for: [.list, .accept, .decline, .explain]),
        writes("offers", "state responded_at", .update, for: [.accept, .decline]),
        writes(
            "order_status_history",
            "order_id from_status to_status reason changed_by_master_id actor_type context", .insert, for: [.accept]),
        reads(
            "orders", "preferred_master_id dist_escalated_logist_at dist_escalated_admin_at type created_at",
            for: [.metrics]),
        [
            Requirement(table: "masters", subject: .rowLocks(grant: "updated_at"), purposes: [.accept, .decline]),
            Requirement(table: "orders", subject: .rowLocks(grant: nil), purposes: [.accept, .decline]),
            Requirement(table: "order_status_history", subject: .sequence, purposes: [.accept]),
        ],
    ].flatMap { $0 }

    private static func reads(_ table: String, _ columns: String, for purposes: [Purpose]) -> [Requirement] {
        writes(table, columns, .select, for: purposes)
    }

    private static func writes(
        _ table: String, _ columns: String, _ privilege: Privilege, for purposes: [Purpose]
    ) -> [Requirement] {
        columns.split(separator: " ").map {
            Requirement(table: table, subject: .column(String($0), privilege), purposes: purposes)
        }
    }
}

/// Something that a database lacks.
struct Shortcoming: Sendable, Equatable {
    /// Its name: `offers` (the table), `order_status_history.actor_type`, `UPDATE on offers.state`.
    let name: String
    /// What does not work because of it.
    let purposes: [Requirement.Purpose]
}
