/// Asks again and again, for a hundred seconds at most, until `isSo` is true of the answer, and returns the last
/// answer. For what the service does behind a reply, and for nothing else. The bound only ends a test that hangs.
package func eventually<Answer>(
    _ ask: () async throws -> Answer, until isSo: (Answer) -> Bool
) async throws -> Answer {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .seconds(100))
    while true {
        let answer = try await ask()
        if isSo(answer) || clock.now >= end { return answer }
        try await clock.sleep(for: .milliseconds(10))
    }
}
