// Package notice holds the rules of notices before a charge: which charges are announced, how long before, and how often.
package notice
