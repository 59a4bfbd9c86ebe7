/// A promise that was broken, with what shows it.
struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// The promises of the service.
    enum Promise: String, Sendable, CaseIterable {
        case acknowledgedIsThere = "an acknowledged write is there"
        case acknowledgedOnce = "one write is acknowledged once"
        case explained = "every change was asked for"
        case complete = "an accept is complete"
        case oneWinner = "only what is free can be accepted"
        case limitHolds = "the limit holds"
        case neverStale = "a list shows what can be accepted"
        case nothingMissing = "a list misses nothing"
        case truthful = "a refusal is true"
        case excused = "an error has a cause"
        case answered = "a request is answered"
        case inTime = "a reply comes in time"
        case sameAtTheEnd = "the rows are what their changes made of them"
    }

    let promise: Promise
    let what: String

    var description: String { "\(promise.rawValue): \(what)" }
}
