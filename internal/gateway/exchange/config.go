package exchange

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Check returns the address of c without a slash at its end, or every problem with c, in the words of the shop's configuration, and those
// that more adds. The error names the account, and holds no secret.
func (c Config) Check(account string, more ...string) (base string, err error) {
	var problems []error
	add := func(problem string) { problems = append(problems, errors.New(problem)) }
	u, err := url.Parse(c.Base)
	switch {
	case err != nil:
		add("url: cannot be read") // the error would repeat a password in it
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		add("url: want http://… or https://…")
	case u.User != nil:
		add("url: must not carry a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		add("url: must not have a query or a fragment")
	default:
		base = strings.TrimRight(u.String(), "/")
	}
	if c.Secret == "" || Visible(c.Secret) != c.Secret {
		add("token: missing, or not plain printable text")
	}
	if c.Timeout <= 0 || c.ConnectTimeout <= 0 {
		add("timeout and connect_timeout: must be above 0")
	}
	for _, problem := range more {
		add(problem)
	}
	if c.MaxConns < 1 {
		add("parallelism: must be at least 1")
	}
	if c.Now == nil {
		add("clock: missing")
	}
	if len(problems) > 0 {
		return "", fmt.Errorf("gateway %s: %w", account, errors.Join(problems...))
	}
	return base, nil
}
