// Package readers claims work: one noun a file. Every reader walks an index by key set, and commits what it took before it returns it.
package readers
