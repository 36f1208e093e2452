// Package orders holds the rules of stale orders and of giving money back: what follows from what the gateway
// says of an order's payments, which orders get the stock that is left, and when to ask again. It is pure: no
// clock, no SQL, no HTTP.
package orders
