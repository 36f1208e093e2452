// Package worklist lists what waits for an operator or for a gateway: rows in review, charges in doubt, findings, deliveries that were
// given up, and rows that no job can work on. It changes nothing and locks nothing.
package worklist
