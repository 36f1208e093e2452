// Package e2e shows that duly as a whole keeps its promises about money: built binaries are killed, stopped and
// raced on a real database against the payments simulator, and afterwards ledger and tables must agree.
//
// The package itself holds what such tests share: a shop (Enrol), the passing of time (Age), and the comparison
// of the gateway's ledger with the tables (Reconcile).
package e2e
