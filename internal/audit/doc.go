// Package audit holds the rules by which our rows are compared with what gateways say: which rows are settled,
// how a payment can differ from its gateway's record, and what is told of it. It is pure: no clock, no SQL, no
// HTTP.
package audit
