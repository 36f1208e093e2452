// Package amounts reads what the guards of amounts compare, and judges by it, for the claims that charge.
package amounts
