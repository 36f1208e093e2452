// Package details reads one subscription, invoice or order with everything that belongs to it, as `duly show` prints it. It changes
// nothing and locks nothing.
package details
