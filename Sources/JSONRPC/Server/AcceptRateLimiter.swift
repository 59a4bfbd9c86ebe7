import NIOCore

/// How fast connections may come: some at once, then one after each interval. A value without a clock of its own
/// (the generic cell rate algorithm, ITU-T I.371).
struct AcceptPace {
    private let interval: Int64
    private let burst: Int64
    /// When all that was accepted would have come if one had come after each interval.
    private var paidUntil: NIODeadline = .uptimeNanoseconds(0)

    /// - Parameters:
    ///   - perSecond: How many in the long run.
    ///   - burst: How many at once.
    init(perSecond: Int, burst: Int) {
        interval = 1_000_000_000 / Int64(perSecond)
        self.burst = interval * Int64(burst)
    }

    /// One was accepted.
    mutating func accepted(at now: NIODeadline) {
        paidUntil = max(paidUntil, now) + .nanoseconds(interval)
    }

    /// How long the next one has to wait; nil if it has not.
    func wait(at now: NIODeadline) -> TimeAmount? {
        let wait = paidUntil - .nanoseconds(burst) - now
        return wait > .zero ? wait : nil
    }
}

/// Lets a listener accept at its pace; the others wait in the kernel's queue. Without that, a client that opens
/// connections as fast as it can has nearly all of the loop's time, and every other client waits behind it.
final class AcceptRateLimiter: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private var pace: AcceptPace
    private var isWaiting = false

    init(_ limits: Limits) {
        pace = AcceptPace(perSecond: limits.connectionRate, burst: limits.connectionBurst)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pace.accepted(at: .now())
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard let wait = pace.wait(at: .now()) else { return context.read() }
        guard !isWaiting else { return }
        isWaiting = true
        context.eventLoop.assumeIsolated().scheduleTask(in: wait) {
            self.isWaiting = false
            context.read()
        }
    }
}
