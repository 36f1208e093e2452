// Package store holds the rows, locks and events that readers, writers, operators and a shop's own jobs share.
package store
