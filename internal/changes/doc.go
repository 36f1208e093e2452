// Package changes reads planned changes of subscriptions, and writes what the rules make of them, within the transactions that issue and claim.
package changes
