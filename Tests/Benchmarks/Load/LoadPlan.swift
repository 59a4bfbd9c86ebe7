import Histogram

/// What a load generator does.
struct LoadPlan: Sendable {
    /// The socket of the service.
    var socket: String
    var connections: Int
    /// How requests follow each other.
    var pace: Pace
    /// How long new requests are sent; the replies to those that were sent are waited for.
    var seconds: Double
    var requests: RequestLines

    enum Pace: Sendable {
        /// Closed loop: that many requests are under way on each connection, and each reply is followed by a request.
        case inFlight(Int)
        /// Open loop: that many requests a second in all, whether or not the earlier ones were answered. A request's
        /// latency counts from the moment when it should have been sent, so that a stall is not left out.
        case perSecond(Double)
    }
}

/// What came of it.
struct LoadResult: Sendable {
    /// Replies, all of them.
    var answered = 0
    /// Replies that came before new requests ended.
    var answeredInTime = 0
    /// From the first request to the last reply that is in ``answeredInTime``.
    var seconds = 0.0
    /// Bytes of the replies.
    var replyBytes = 0
    /// Nanoseconds from request to reply.
    var latencies = Histogram<UInt32>(highestTrackableValue: 100_000_000_000, numberOfSignificantValueDigits: .three)
    /// Seconds of CPU that the generator took itself.
    var generatorCPU = 0.0

    var perSecond: Double { seconds > 0 ? Double(answeredInTime) / seconds : 0 }

    /// A percentile in microseconds.
    func microseconds(percentile: Double) -> Double {
        Double(latencies.valueAtPercentile(percentile)) / 1000
    }
}

/// Why a run has no figures.
struct LoadFailure: Error, CustomStringConvertible {
    let description: String
}
