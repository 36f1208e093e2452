// Package adoption decides what becomes of a charge that a gateway has under a key of ours and that no row accounts for, as after a
// database was restored.
package adoption
