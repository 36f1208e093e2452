// Package dunning holds what a dunning policy says, and what an invoice keeps of it. The rules that go by it are in package billing.
package dunning
