import Offers
import Postgres

extension Obstacle {
    /// What an operator can do about it, in a sentence.
    var advice: String {
        let sqlState: SQLState
        switch self {
        case .refused(let message) where message.borrowsCode:
            return
                "A function or trigger of the database raises this code, which is the server's: look at its triggers."
        case .refused(let message): sqlState = message.sqlState
        case .heldUp: return "Find the blocking session with pg_locks and pg_blocking_pids, end it, and repeat."
        case .unwritten("offers"), .unwritten("orders"), .unwritten("order_status_history"):
            return "A BEFORE or INSTEAD OF trigger of the table returns NULL: have it return the row."
        case .rowsNotLocked: return "Give the role a policy for UPDATE with USING (true), or BYPASSRLS."
        case .unconfirmed:
            return "Bring the standby back, or take it out of synchronous_standby_names; look at the disk."
        case .unwritten, .unforeseen: return "Report this line."
        }
        if sqlState.isMissingObject {
            return "Run offersd grants for this role, or compare the schema with offersd schema."
        }
        switch sqlState.rawValue {
        case "0A000": return "Replace rules on these tables by triggers, and views by tables."
        case "22P02": return "A label or a type differs from what the service writes: compare with offersd schema."
        case "2200H": return "Give the sequence more numbers: ALTER SEQUENCE, and the column's type."
        case "23514":
            return
                "A constraint refuses the row, or its partition is missing: make the partition, or correct the constraint."
        case "53100": return "The disk of the server is full: free some space."
        case "54000":
            return "End old transactions, prepared transactions and replication slots, and VACUUM: "
                + "a limit such as that of transaction numbers is reached."
        default: break
        }
        switch sqlState.errorClass {
        case "23": return "A constraint of the database refuses what the service writes: compare with offersd schema."
        case "53", "57", "58", "XX": return "The log of the server says more."
        default: return "Look at the triggers, rules and constraints of the table, and at the log of the server."
        }
    }
}
