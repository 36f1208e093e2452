// Package exchange makes one HTTP exchange with a payment provider, for the adapters beside it: it asks the guard at the
// socket, writes a request once at most, follows no redirect, and says what is known of an exchange that failed. What an
// answer means is the adapter's word.
package exchange
