package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parser turns a key's text into its value. Its errors say what is right, and quote the text only where
// that cannot be a secret.
type parser func(string) (any, error)

const (
	dsnForm = "user:password@tcp(host:3306)/schema"
	// minOpen connections: one claims, one settles, one beats, and one is to spare.
	minOpen = 4
	// maxChunk rows of the widest table fit the 65,535 placeholders of one statement.
	maxChunk = 2000
	lastDay  = 60
	maxQuote = 40
)

var errDSN = errors.New("not a DSN: write it as " + dsnForm + "?name=value, with values percent-encoded and tls one of true, " +
	"false, skip-verify, preferred; or " + Private)

// ParseDuration reads Go's durations, and days of 24 hours as well: 90d, 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, dated := strings.Cut(s, "d")
	if !dated {
		rest = s
	}
	var d time.Duration
	if dated {
		n, err := strconv.ParseUint(days, 10, 64)
		if err != nil || n > math.MaxInt64/uint64(day) {
			return 0, badDuration(s)
		}
		d = time.Duration(n) * day
	}
	if rest != "" || !dated {
		r, err := time.ParseDuration(rest)
		if err != nil || (dated && (r < 0 || d > math.MaxInt64-r)) {
			return 0, badDuration(s)
		}
		d += r
	}
	return d, nil
}

func badDuration(s string) error {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return fmt.Errorf("%s has no unit: write such as %ss, 5m, 24h or 90d", quote(s), s)
	}
	return fmt.Errorf("%s is no duration: write such as 500ms, 30s, 5m, 24h, 90d or 1d12h", quote(s))
}

// leastRate is one request an hour.
const leastRate = 1.0 / 3600

// ParseRate reads requests a second: 20/s, 0.5/s, or a bare number; none or 0: no limit, which is 0.
func ParseRate(s string) (float64, error) {
	if s == "none" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "/s")), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		return 0, fmt.Errorf("%s is no rate: write requests a second such as 20/s, or none", quote(s))
	}
	if n > 0 && n < leastRate {
		return 0, fmt.Errorf("%s is less than one request an hour: write requests a second such as 20/s", quote(s))
	}
	return n, nil
}

func text(s string) (any, error) { return s, nil }

// signingSecret reads a secret as Standard Webhooks writes it.
func signingSecret(s string) (any, error) {
	const prefix, least, most = "whsec_", 24, 64
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, prefix))
	if err != nil || !strings.HasPrefix(s, prefix) || len(key) < least || len(key) > most {
		return nil, errors.New("must be whsec_ and the base64 of 24 to 64 random bytes, e.g. from: echo whsec_$(openssl rand -base64 32)")
	}
	return s, nil
}

func boolean(s string) (any, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return nil, fmt.Errorf("%s is neither true nor false", quote(s))
	}
}

func keyPrefix(s string) (any, error) {
	const longest = 16
	if s == "none" {
		return "", nil
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return nil, fmt.Errorf("%s has characters other than letters, digits, - and _", quote(s))
		}
	}
	if len(s) > longest {
		return nil, fmt.Errorf("%s has %d characters: give %d at most", quote(s), len(s), longest)
	}
	return s, nil
}

const (
	mostParallelism = 10_000
	autoWord        = "auto"
)

// readParallelism reads a number, or auto.
func readParallelism(s string) (any, error) {
	if s == autoWord {
		return Auto, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return nil, fmt.Errorf("%s is neither a whole number nor auto: give one from 1 to %d, or auto", quote(s), mostParallelism)
	}
	if n < 1 || n > mostParallelism {
		return nil, fmt.Errorf("%d is out of range: give a whole number from 1 to %d, or auto", n, mostParallelism)
	}
	return Parallelism(n), nil
}

func rate(s string) (any, error) { return ParseRate(s) }

func whole(least, most int) parser {
	return func(s string) (any, error) {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number: give one from %d to %d", quote(s), least, most)
		}
		if n < least || n > most {
			return nil, fmt.Errorf("%d is out of range: give a whole number from %d to %d", n, least, most)
		}
		return n, nil
	}
}

func fraction(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return nil, fmt.Errorf("%s is no share: give a number from 0 to 1, e.g. 0.01", quote(s))
	}
	return f, nil
}

func duration(least, most time.Duration) parser {
	return func(s string) (any, error) {
		d, err := ParseDuration(s)
		switch {
		case err != nil:
			return nil, err
		case d < least:
			return nil, fmt.Errorf("%s is too short: give %s or more", quote(s), FormatDuration(least))
		case d > most:
			return nil, fmt.Errorf("%s is too long: give %s or less", quote(s), FormatDuration(most))
		default:
			return d, nil
		}
	}
}

func oneOf(words ...string) parser {
	return func(s string) (any, error) {
		if !slices.Contains(words, s) {
			return nil, fmt.Errorf("%s is none of %s", quote(s), strings.Join(words, ", "))
		}
		return s, nil
	}
}

func retryDays(s string) (any, error) {
	days := []int{}
	const example = ": give days in ascending order, e.g. [1, 3, 5]"
	for _, word := range listWords(s) {
		n, err := strconv.Atoi(word)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s is no whole number%s", quote(word), example)
		case n < 1 || n > lastDay:
			return nil, fmt.Errorf("%d is out of range: give days from 1 to %d", n, lastDay)
		case len(days) > 0 && n == days[len(days)-1]:
			return nil, fmt.Errorf("%d comes twice%s", n, example)
		case len(days) > 0 && n < days[len(days)-1]:
			return nil, fmt.Errorf("%d comes before %d%s", days[len(days)-1], n, example)
		}
		days = append(days, n)
	}
	return days, nil
}

// listWords splits 1, 3, 5 with or without brackets.
func listWords(s string) []string {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	if strings.TrimSpace(s) == "" {
		return nil
	}
	words := strings.Split(s, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

func timezone(s string) (any, error) {
	// Both would load: the empty name as UTC, Local as whatever this host is set to.
	if s != "" && s != "Local" {
		if _, err := time.LoadLocation(s); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s is no IANA time zone: give such as Asia/Seoul, Europe/Berlin or UTC", quote(s))
}

// dsn never quotes: the driver's own errors repeat parts of what they could not read.
func dsn(s string) (any, error) {
	if s == Private {
		return s, nil
	}
	for _, scheme := range []string{"mysql://", "mariadb://", "jdbc:"} {
		if strings.HasPrefix(s, scheme) {
			return nil, fmt.Errorf("starts with %s, which the driver does not know: write it as %s", scheme, dsnForm)
		}
	}
	parsed, err := parseDSN(s)
	if err != nil {
		return nil, errDSN
	}
	if parsed.DBName == "" {
		return nil, errors.New("names no schema: write it as " + dsnForm)
	}
	return s, nil
}

// operatorDSN is dsn for people: a private server has one user alone.
func operatorDSN(s string) (any, error) {
	if s == Private {
		return nil, errors.New("a private database needs no second user: leave it out")
	}
	return dsn(s)
}

func absolutePath(s string) (any, error) {
	if !filepath.IsAbs(s) {
		return nil, fmt.Errorf("%q is not absolute: it would be another folder in another working directory; begin it with /", s)
	}
	return filepath.Clean(s), nil
}

// None is the value of run.witness that asks for no file.
const None = "none"

func folderOrNone(s string) (any, error) {
	if s == None {
		return s, nil
	}
	path, err := absolutePath(s)
	if err != nil {
		err = fmt.Errorf("%w, or say %s", err, None)
	}
	return path, err
}

func gatewayURL(s string) (any, error) {
	u, err := parseWeb(s)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		return nil, errors.New("has a user or password in it: put the credential into the gateway's token")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("has a query or fragment: give scheme, host and path alone, e.g. https://payments.example.com")
	}
	return strings.TrimRight(s, "/"), nil
}

func webURL(s string) (any, error) {
	if _, err := parseWeb(s); err != nil {
		return nil, err
	}
	return s, nil
}

func parseWeb(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("not a web address: give http:// or https:// and a host, e.g. https://payments.example.com")
	}
	return u, nil
}

func listenAddress(s string) (any, error) {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no address to listen on: give host and port, e.g. 127.0.0.1:9464", quote(s))
	}
	return s, nil
}

// FormatDuration writes d as an operator would: 24h, not 24h0m0s; whole days above two as 90d.
func FormatDuration(d time.Duration) string {
	if d > 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func quote(s string) string {
	if r := []rune(s); len(r) > maxQuote {
		s = string(r[:maxQuote]) + "…"
	}
	return strconv.Quote(s)
}
