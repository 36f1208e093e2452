package exchange

import (
	"errors"
	"net/url"
	"strings"
)

// Base reads the configured address of a provider, and returns it without a slash at its end. The error repeats nothing of it: it may
// hold a password.
func Base(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("url: cannot be read")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", errors.New("url: want http://… or https://…")
	case u.User != nil:
		return "", errors.New("url: must not carry a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("url: must not have a query or a fragment")
	}
	return strings.TrimRight(u.String(), "/"), nil
}
