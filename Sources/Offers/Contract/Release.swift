/// What was built.
package enum Release {
    /// The version that `health` reports and that every program prints for `--version`. It is that of the programs, not
    /// of the protocol (`Contract.version`): the two can grow apart.
    package static let version = "1.1.0"
}
