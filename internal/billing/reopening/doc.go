// Package reopening decides whether an operator may have a closed invoice charged again: one whose dunning has ended, or one that is paid
// by a charge that took no money by the gateway's record.
package reopening
