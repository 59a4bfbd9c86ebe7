import Postgres

/// The jobs of callers that keep an order, as they were begun, without those that are done.
struct CallerOrder {
    private var jobs: [ObjectIdentifier: [Int]] = [:]
    private var places: [Int: Place] = [:]

    mutating func enter(_ job: Int, at place: Place, of caller: ObjectIdentifier) {
        jobs[caller, default: []].append(job)
        places[job] = place
    }

    /// Returns the place that the job had, and the job that has nothing before it now, if it is another one.
    mutating func leave(_ job: Int, of caller: ObjectIdentifier) -> (place: Place?, next: Int?) {
        let wasFirst = jobs[caller]?.first == job
        jobs[caller]?.removeAll { $0 == job }
        return (places.removeValue(forKey: job), wasFirst ? jobs[caller]?.first : nil)
    }

    /// Nil for a job without an order.
    func place(of job: Int) -> Place? { places[job] }

    /// The job that must have started before this one may, and has not ended for good; nil if there is none.
    func predecessor(of job: Int) -> Int? {
        guard places[job] != nil, let all = jobs.values.first(where: { $0.contains(job) }) else { return nil }
        return all.firstIndex(of: job).flatMap { $0 > 0 ? all[$0 - 1] : nil }
    }
}
