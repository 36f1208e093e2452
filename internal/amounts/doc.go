// Package amounts applies the amount guards to invoices: it reads the last paid amounts and compares.
package amounts
