// Package sqltext writes the texts of statements that insert, change or name many rows.
package sqltext
