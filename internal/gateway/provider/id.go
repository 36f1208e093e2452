package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

const (
	idPrefix = "duly-"
	idDigits = 40
)

var derivedID = regexp.MustCompile(`^duly-[0-9a-f]{40}$`)

// ID is the id that stands for a key where the provider takes no such key: "duly-" and the first 40 hexadecimal digits of the key's
// SHA-256. It is the same for ever: payments that were made under it are found by it alone.
func ID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return idPrefix + hex.EncodeToString(sum[:])[:idDigits]
}

// Derived reports whether id has the form of what [ID] makes.
func Derived(id string) bool { return derivedID.MatchString(id) }

// tagLength is how much of an id marks a refund among those of one payment.
const tagLength = len(idPrefix) + 16

// Tag marks what was done under a key in a text that the provider keeps and people read.
func Tag(key string) string { return ID(key)[:tagLength] }
