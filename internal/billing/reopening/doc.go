// Package reopening decides whether an invoice that is done is charged again, because an operator says so: one whose dunning has ended, or
// one that is paid by a charge of which the gateway's record says that it took no money.
package reopening
