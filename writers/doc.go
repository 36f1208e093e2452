// Package writers settles claimed work: one noun a file. Every writer does SQL alone, in one transaction that can be repeated.
package writers
