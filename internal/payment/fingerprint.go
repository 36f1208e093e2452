package payment

import "crypto/sha256"

// Fingerprint recognises a payment method without telling it.
func Fingerprint(method string) [32]byte { return sha256.Sum256([]byte(method)) }
