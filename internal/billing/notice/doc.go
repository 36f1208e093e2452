// Package notice holds the rules of notices before a charge: whom the shop is told of, how long before, and how often.
package notice
