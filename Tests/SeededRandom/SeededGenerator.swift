/// A small generator of random numbers (SplitMix64; Steele, Lea and Flood 2014): the same seed gives the same numbers
/// everywhere, so that a failure can be repeated.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// A generator whose state is the seed.
    package init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// One of `0..<bound`. The bias of a remainder does not matter here, its speed does.
    package mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() >> 1) % bound }

    /// True once in so many times.
    package mutating func once(in times: Int) -> Bool { below(times) == 0 }
}
