// Package refunds searches the protocol by which refunds of one payment are executed, exhaustively within small bounds: every interleaving of two
// workers, the gateway, the network, crashes, an operator, the shop, an audit and somebody who refunds at the provider's page. Like package model it
// imports nothing of duly but its search: it is the protocol as docs/protocol.md has it, small enough to be searched.
//
// # States
//
// A [State] is a payment of [Paid] units with two rows of refunds: what each worker holds, the requests on their way, and what the gateway keeps
// under each key. Time is in ticks and relative. R is one tick, L is [Gateway.KeyLife] ticks, and a claim lasts [hold] ticks. Two fields of a row are
// no worker's to read: how often it was executed, and whether somebody's refund was just what was missing of it.
//
// # Moves
//
// worker.go has what a run does, people.go what an operator, the shop and an audit do, gateway.go deliveries, time and somebody at the provider.
// Crashes and workers that are taken for dead are in worker.go, a restored backup is in gateway.go. A rule is a [Rule], asked where it decides, so that it can be switched off.
//
// # Search
//
// [Run] goes breadth first. It looks for a row that is executed twice, more refunded than was paid, a request that leaves before its total is stored, a
// row that ends as refunded although nothing at the gateway is its own, more booked as refunded than the gateway shows, a row that is given up and was or will be
// executed, and a state from which no way leads to the end of every row.
//
// # Assumptions
//
// A look at the payment shows what the right account has at that moment. Of a gateway that cannot be asked, and of what may have been made before the tables
// were set back, an operator says what the provider's page shows. The tables are set back when nothing is on its way and no key is kept any more. What an audit or an operator saw may be old when it is written. A request is executed or lost within R.
package refunds
