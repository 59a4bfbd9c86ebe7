/// Who is at the other end of a connection, as the kernel says (`SO_PEERCRED`, unix(7)).
package struct Peer: Sendable, Hashable {
    /// The effective user at the time of `connect()`.
    package let userID: UInt32
    /// The process that called `connect()`. It may have ended, and its number may be another's by now.
    package let processID: Int32
    /// The effective group at the time of `connect()`.
    package let groupID: UInt32
    /// The name of the listener that accepted the connection.
    package let socket: String

    /// A peer as given; for tests of what depends on it.
    package init(userID: UInt32, processID: Int32, groupID: UInt32, socket: String) {
        self.userID = userID
        self.processID = processID
        self.groupID = groupID
        self.socket = socket
    }
}
