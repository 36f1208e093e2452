package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
)

const mediaType = "application/x-www-form-urlencoded"

// accountVersion is that of requests which name none.
const accountVersion = "2022-11-15"

var versions = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$`)

// stamped adds what is in the header of every answer.
func stamped(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		version := r.Header.Get("Stripe-Version")
		if version == "" {
			version = accountVersion
		}
		w.Header().Set("Stripe-Version", version)
		w.Header().Set("Request-Id", fmt.Sprintf("req_%016x", plan.Hash('r', r.Header.Get("Idempotency-Key")+r.URL.RequestURI())))
		next(w, r)
	}
}

// paramError says which parameter is wrong.
type paramError struct{ code, param, message string }

// Error implements error.
func (e *paramError) Error() string { return e.message }

func wrong(code, param, message string) error {
	return &paramError{code, param, message}
}

// invalid is the refusal of a request that cannot be read.
func invalid(err error) *core.Answer {
	if err == nil {
		return nil
	}
	e := wireError{Type: invalidRequest, Message: err.Error()}
	if p, ok := errors.AsType[*paramError](err); ok {
		e.Code, e.Param = p.code, p.param
	}
	a := refused(http.StatusBadRequest, e)
	return &a
}

// params are the parameters of a request. A name that ends in [] has any number of values, every other one.
type params struct{ url.Values }

var numbered = regexp.MustCompile(`\[\d+\]$`)

// first is the first of several errors.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// parse reads a form or a query.
func parse(text string) (params, error) {
	given, err := url.ParseQuery(text)
	p := params{url.Values{}}
	for name, values := range given {
		if plain := numbered.ReplaceAllString(name, "[]"); plain != name {
			p.Values[plain] = append(p.Values[plain], values...)
			continue
		}
		if len(values) > 1 && !strings.HasSuffix(name, "[]") {
			err = first(err, wrong("", name, "a parameter is there more than once"))
		}
		p.Values[name] = append(p.Values[name], values...)
	}
	return p, err
}

// form reads the body of r and its idempotency key. Sum stands for both path and parameters, in whatever order.
func (a api) form(r *http.Request) (p params, key string, sum uint64, err error) {
	body, bodyErr := core.ReadBody(r, mediaType)
	p, parseErr := parse(string(body))
	key = r.Header.Get("Idempotency-Key")
	var keyErr error
	if len(key) > longestKey {
		key, keyErr = "", errors.New("an idempotency key has at most 255 characters")
	}
	return p, key, a.s.Sum([]byte(r.URL.Path + "\x00" + p.Encode())), first(bodyErr, keyErr, versionError(r), parseErr)
}

const longestKey = 255

// query reads the parameters of a GET.
func query(r *http.Request) (params, error) {
	p, err := parse(r.URL.RawQuery)
	return p, first(versionError(r), err)
}

func versionError(r *http.Request) error {
	if v := r.Header.Get("Stripe-Version"); v != "" && !versions.MatchString(v) {
		return errors.New("invalid Stripe API version")
	}
	return nil
}

// anyMetadata stands for metadata of whatever name.
const anyMetadata = "metadata[…]"

// only lets no other parameters pass than those named.
func (p params) only(names ...string) error {
	given := make([]string, 0, len(p.Values))
	for name := range p.Values {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		known := name
		if strings.HasPrefix(name, "metadata[") && strings.HasSuffix(name, "]") {
			known = anyMetadata
		}
		if !slices.Contains(names, known) {
			return wrong("parameter_unknown", name, "Received unknown parameter: "+name)
		}
	}
	return nil
}

// need finds parameters that are missing or empty.
func (p params) need(names ...string) error {
	for _, name := range names {
		if p.Get(name) == "" {
			return wrong("parameter_missing", name, "Missing required param: "+name)
		}
	}
	return nil
}

// whole reads a parameter that is a whole number; ok is false if it is not given.
func (p params) whole(name string) (n int64, ok bool, err error) {
	if !p.Has(name) {
		return 0, false, nil
	}
	n, err = strconv.ParseInt(p.Get(name), 10, 64)
	if err != nil {
		err = wrong("parameter_invalid_integer", name, "Invalid integer: "+name)
	}
	return n, true, err
}

// flag reads a parameter that is true or false.
func (p params) flag(name string) (bool, error) {
	switch p.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, wrong("parameter_unknown", name, "Invalid boolean: "+name)
}

// among checks a parameter that has one of a few values, if it is given.
func (p params) among(name string, values ...string) error {
	if p.Has(name) && !slices.Contains(values, p.Get(name)) {
		return wrong("parameter_unknown", name, "Invalid "+name)
	}
	return nil
}

// expands reports whether the one thing that can be expanded is asked for.
func (p params) expands(what string) (bool, error) {
	for _, name := range p.Values["expand[]"] {
		if name != what {
			return false, wrong("", "expand", "This property cannot be expanded ("+name+").")
		}
	}
	return len(p.Values["expand[]"]) > 0, nil
}

// metadata reads metadata[…].
func (p params) metadata() map[string]string {
	m := map[string]string{}
	for name := range p.Values {
		if inner, ok := strings.CutPrefix(name, "metadata["); ok {
			m[strings.TrimSuffix(inner, "]")] = p.Get(name)
		}
	}
	return m
}
