// Package advance decides which declined invoices are charged before the date of their stage: those whose payment method was changed, and those
// that somebody has charged at once.
package advance
