// Package dunning defines dunning policies, and what an invoice stores of its policy. The rules that apply them are in package billing.
package dunning
