// Package search goes through the states of a model breadth first: every interleaving of its moves, within its bounds. It knows nothing of what is
// modelled. It looks for moves and states that break something, and for states from which no way leads to an end.
package search
