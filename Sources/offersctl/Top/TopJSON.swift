import JSONRPC

/// An interval as one JSON object, for scripts.
struct TopJSON: JSONEncodable {
    let interval: TopInterval
    /// How often the service was started again since the first sample.
    let restarts: Int

    func encode(to writer: inout JSONWriter) {
        let (sample, health) = (interval.after, interval.health)
        writer.beginObject()
        writer.member("answered", true)
        writer.member("milliseconds", interval.milliseconds)
        writer.member("restarted", interval.isRestart)
        writer.member("restarts", Int64(restarts))
        writer.member("version", sample.version)
        writer.member("processId", sample.processId)
        writer.member("startTimeSeconds", sample.startTimeSeconds)
        writer.member("health", health)
        writer.member("requests", interval.calls)
        writer.member("refused", interval.refused)
        writer.member("requestsPerSecond", Rate(interval, interval.calls))
        writer.member("refusedPerSecond", Rate(interval, interval.refused))
        writer.member("retries", interval.retries)
        writer.member("logLinesDropped", interval.droppedLogLines)
        writer.key("clients")
        writer.beginObject()
        for (socket, count) in sample.connections.sorted(by: { $0.key < $1.key }) {
            writer.key(named: socket)
            writer.integer(count)
        }
        writer.endObject()
        encodeLanes(to: &writer)
        encodeMethods(to: &writer)
        writer.key("refusals")
        writer.beginArray()
        for refusal in interval.refusals where refusal.count > 0 {
            writer.beginObject()
            writer.member("method", refusal.method)
            writer.member("reason", refusal.reason)
            writer.member("count", refusal.count)
            writer.member("perSecond", Rate(interval, refusal.count))
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private func encodeLanes(to writer: inout JSONWriter) {
        writer.key("database")
        writer.beginObject()
        for (name, pool) in interval.after.pool.sorted(by: { $0.key < $1.key }) {
            writer.key(named: name)
            writer.beginObject()
            writer.member("connections", pool.connections)
            writer.member("connected", pool.connected)
            writer.member("busy", pool.busy)
            writer.member("waiting", pool.waiting)
            writer.endObject()
        }
        writer.endObject()
    }

    private func encodeMethods(to writer: inout JSONWriter) {
        writer.key("methods")
        writer.beginArray()
        for method in interval.methods {
            writer.beginObject()
            writer.member("method", method.name)
            writer.member("requests", method.calls)
            writer.member("refused", method.refused)
            writer.member("slow", method.slow)
            writer.member("requestsPerSecond", Rate(interval, method.calls))
            writer.member("refusedPerSecond", Rate(interval, method.refused))
            writer.member("p50Microseconds", method.p50?.microseconds)
            writer.member("p99Microseconds", method.p99?.microseconds)
            writer.endObject()
        }
        writer.endArray()
    }

    /// A number a second, with three digits after the point.
    private struct Rate: JSONEncodable {
        let perSecond: Double

        init(_ interval: TopInterval, _ count: Int64) {
            perSecond = (interval.perSecond(count) * 1000).rounded() / 1000
        }

        func encode(to writer: inout JSONWriter) {
            writer.raw("\(perSecond)")
        }
    }
}

/// An interval without an answer.
struct TopSilence: JSONEncodable {
    let reason: String
    let restarts: Int

    func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("answered", false)
        writer.member("error", reason)
        writer.member("restarts", Int64(restarts))
        writer.endObject()
    }
}
