package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
)

const redacted = "[redacted]"

// Secret is text that only Reveal gives away: however else it is printed, logged or encoded, it is redacted.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String is empty for an empty secret. Of a web address it shows scheme and host, of all else nothing.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(string(s))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return redacted
	}
	return u.Scheme + "://" + u.Host + "/" + redacted
}

// Format redacts under every verb, the wrong ones too.
func (s Secret) Format(f fmt.State, verb rune) {
	shown := s.String()
	if verb == 'q' || f.Flag('#') {
		shown = strconv.Quote(shown)
	}
	fmt.Fprint(f, shown) //nolint:errcheck // fmt.State has nowhere to report it
}

// LogValue redacts structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText redacts JSON, YAML and whatever else encodes text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
