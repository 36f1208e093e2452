// Package model searches the protocol by which an invoice is charged, exhaustively within small bounds: every
// interleaving of two workers, the gateway, the network, faults and an operator. It imports nothing of duly but its search: it
// is the protocol as docs/protocol.md has it, small enough to be searched, not the program.
//
// # States
//
// A [State] is one invoice with up to [Numbers] key numbers: its rows, what each worker holds, the requests on
// their way, and what each account keeps under each key. Time is in ticks and relative: ages grow until no rule
// tells them apart, so that time has no end and the states are finite. R is one tick, L is [Size.KeyLife] ticks,
// and a worker holds a claim for one tick at most; its lease ends then.
//
// # Moves
//
// The moves are pure functions that emit every successor of a state: worker.go and recovery.go have what a run
// does, operator.go the commands, network.go deliveries and time, faults.go crashes, losses and other places,
// gateway.go what a gateway remembers and shows. A rule of the protocol is a [Rule], asked where it decides, so
// that it can be switched off. A new rule is a constant, its text, and a line in the test that says what goes
// wrong without it.
//
// # Search
//
// [Run] goes breadth first, so that the trace of a violation is a shortest one. It looks for a second successful
// charge (I1), a second attempt while one is unsettled (I4), an attempt ended as not executed although its key
// took money or still can (I5), a number that moves without a proof, an invoice that is settled against what the
// gateway took, and a state from which no way leads to a settled invoice without further faults: from each state, a
// run or an operator has a move that ends well.
//
// # Assumptions
//
// A loss is suspected when it happened: rows named by a witness are missing, or the server is another. A backup
// is restored once. The URL leads away once; it is repaired between processes, so that no worker's absence from
// the wrong place lies between two controls at the right one. A backup and a wrong URL do not come together. An
// operator tells the truth about what the provider's pages show at that moment. A worker's own retries end with
// its claim.
package model
