// Package advance decides which declined invoices are charged before the date of their stage: those with a new payment method, and those
// that an operator charges with --now.
package advance
