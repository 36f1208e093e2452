// Package history finds out, while a billing run recovers and issues, what the gateways took under our keys: it compares their lists of
// payments with the tables, so that a database that was restored charges nobody a second time. Only sends wait for it.
package history
