// Package redact is the second line of defence against secrets in what a program writes: values that are known to be
// secret are replaced wherever they turn up in a text, and log attributes with telling names lose their value whatever
// it is. The first line is that secrets are not handed to what writes at all.
package redact

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Hidden stands where a secret stood.
const Hidden = "[redacted]"

// shortest is the length in bytes from which a value is looked for: shorter ones would be found everywhere.
const shortest = 4

// Redactor replaces secrets. It is safe for concurrent use.
type Redactor struct{ replacer *strings.Replacer }

// New returns a Redactor of the secrets, in plain and as they are escaped in addresses, quoted text and JSON. Those of
// fewer than four bytes are left out.
func New(secrets ...string) *Redactor {
	var forms []string
	for _, secret := range secrets {
		if len(secret) < shortest {
			continue
		}
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), unquoted(strconv.Quote(secret)))
		if text, err := json.Marshal(secret); err == nil {
			forms = append(forms, unquoted(string(text)))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { // the longest first: one secret may be part of another
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, Hidden)
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

func unquoted(text string) string { return text[1 : len(text)-1] }

// String is text without the secrets.
func (r *Redactor) String(text string) string { return r.replacer.Replace(text) }

// Writer writes to w without the secrets. Each Write is looked at by itself: a secret that is cut in two by the caller
// is not found.
func (r *Redactor) Writer(w io.Writer) io.Writer { return writer{r, w} }

type writer struct {
	redactor *Redactor
	to       io.Writer
}

// Write implements io.Writer.
func (w writer) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.redactor.String(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
