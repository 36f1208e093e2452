// Package cli is the terminal: what is written to people and programs, and how it fits. It knows widths, symbols, tables and the live line, and
// nothing of what they are about.
package cli
