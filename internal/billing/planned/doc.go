// Package planned holds the rules of planned changes: rows of a shop that say what becomes of a subscription from a day on.
package planned
