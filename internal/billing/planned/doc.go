// Package planned applies planned changes: rows of the shop that change a subscription from a day on.
package planned
