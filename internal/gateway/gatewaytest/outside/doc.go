// Package outside holds a payment service that runs to its contract, by what can be asked of it from outside: `duly doctor --conformance`.
package outside
