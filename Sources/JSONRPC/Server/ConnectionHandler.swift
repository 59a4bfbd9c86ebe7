import NIOCore

/// Tells a connection what its channel sees. It keeps nothing itself; all of it happens on the connection's loop.
final class ConnectionHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let connection: Connection

    init(connection: Connection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.onLoop(Self.unwrapInboundIn(data)) { $0.received($1) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        connection.onLoop { $0.readCompleted() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        connection.onLoop { $0.writabilityChanged() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        connection.onLoop { $0.inputEnded() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.onLoop { $0.inputEnded() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The client has vanished, or the kernel is out of memory; either way this connection is over.
        context.close(promise: nil)
    }
}
