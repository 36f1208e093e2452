// Package changes reads planned changes of subscriptions, and writes their effects, within the transactions that issue and claim.
package changes
