// Package methods reads what card networks count of payment methods, for the claims that try them again.
package methods
