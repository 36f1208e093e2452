// Package payment holds the words that every part of duly shares when it speaks about money: amounts,
// business dates, the charge that a gateway is asked for, and the outcome that it ends in.
//
// The package is pure: it does no input or output, knows no clock and imports the standard library alone.
package payment
