// Package decide is what an operator decides about rows that wait: resolve, requeue, adopt and reopen, one row or many; and what is paused. A gateway is asked before its
// money is believed, and each decision is recorded with who made it and why.
package decide
