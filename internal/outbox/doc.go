// Package outbox holds the rules of delivering events: when a delivery is tried again, when it is given up, and
// by which id a receiver tells events apart. It is pure: no clock, no SQL, no HTTP.
package outbox
