import EmbeddedPostgres
import Testing

struct InstallationTests {
    @Test("Without a server the error says what to install")
    func missing() {
        let failure = #expect(throws: EmbeddedPostgres.Failure.self) {
            try EmbeddedPostgres.Installation.find(environment: ["PATH": "/nonexistent"], debianRoot: "/nonexistent")
        }
        #expect(failure?.description.contains("apt-get install postgresql") == true)
    }

    @Test("A folder that was asked for and has no server is refused by name")
    func wrongWish() {
        let failure = #expect(throws: EmbeddedPostgres.Failure.self) {
            try EmbeddedPostgres.Installation.find(environment: ["OFFERSD_POSTGRES_BIN": "/nonexistent/bin"])
        }
        #expect(failure?.description.contains("/nonexistent/bin") == true)
    }

    @Test("The folder that was asked for is taken, and PATH where Debian's folders are missing")
    func wishAndPath() throws {
        let programs = try EmbeddedPostgres.Installation.find().programs
        let wished = try EmbeddedPostgres.Installation.find(
            environment: ["OFFERSD_POSTGRES_BIN": programs], debianRoot: "/nonexistent")
        let inPath = try EmbeddedPostgres.Installation.find(
            environment: ["PATH": "/nonexistent:\(programs)"], debianRoot: "/nonexistent")
        #expect(wished.programs == programs)
        #expect(inPath.programs == programs)
    }
}
