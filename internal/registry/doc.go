// Package registry has one entry a job: its flags, what it writes, how it is built, what a dry run says of it, and what it adds to a summary.
package registry
