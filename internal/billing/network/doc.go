// Package network holds the rules of card networks: which codes of a decline forbid another try, or put it off, and how many declines a network
// lets a method have. They are pure functions of a table and of what the operator configured.
package network
