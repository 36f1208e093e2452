// Package query answers questions about what is stored, for people, dry runs and reports. It changes nothing and locks nothing.
package query
