// Package notice decides which charges are announced, how long before, and how often.
package notice
