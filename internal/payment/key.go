package payment

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxKey is the longest idempotency key that the payments API and the tables take, in bytes.
const maxKey = 64

// ShortKey returns key if it fits into 64 bytes, else prefix and 60 hexadecimal digits of key's SHA-256.
// The prefix, of at most 4 bytes, keeps the kinds of key apart.
func ShortKey(prefix, key string) string {
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return prefix + hex.EncodeToString(sum[:])[:60]
}
