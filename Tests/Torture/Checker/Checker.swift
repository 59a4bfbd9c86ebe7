/// Judges a run.
enum Checker {
    /// Every promise that was broken, nothing else; empty is what one hopes for.
    static func violations(in evidence: Evidence) -> [Violation] {
        let attribution = Attribution(evidence)
        return attribution.violations + ClaimRules.violations(evidence, attribution)
            + ReplyRules.violations(evidence, attribution) + TimeRules.violations(evidence)
    }
}
