package toss

import (
	"regexp"
	"strings"

	"duly/internal/gateway/provider"
)

// Config is one account at Toss Payments.
type Config struct {
	provider.Settings

	// KeyPrefix begins every key; the reference of a payment is read from its key without it.
	KeyPrefix string
}

// wrongKey are the prefixes of keys that cannot charge billing keys: of widgets, and those that a browser may know.
var wrongKey = regexp.MustCompile(`^(test|live)_(gsk|gck|ck)_`)

// check returns the address, or every problem with c.
func (c Config) check() (base string, err error) {
	var more []string
	if kind := wrongKey.FindStringSubmatch(c.Token); kind != nil {
		more = append(more, "token: a key that begins with "+kind[0]+" cannot charge: give the secret key of the API, "+kind[1]+"_sk_…")
	}
	return c.Check(more...)
}

// account tells the account of tests from the real one, which are at one address. A new secret key is the same account.
func (c Config) account() string {
	for _, kind := range []string{"test", "live"} {
		if strings.HasPrefix(c.Token, kind+"_") {
			return kind
		}
	}
	return ""
}
