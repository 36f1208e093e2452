package config

import (
	"net/url"
	"reflect"
	"slices"
)

// leastPath is the length in characters from which the path of a secret address is taken for a secret by itself.
const leastPath = 9

// Secrets lists every secret of the configuration, and of addresses the parts that are secret by themselves: what a
// program must never write, wherever it got it from.
func (c Config) Secrets() []string {
	var found []string
	add := func(s string) {
		if s != "" && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	eachSecret(reflect.ValueOf(c), func(secret Secret) {
		if secret == Private {
			return
		}
		add(secret.Reveal())
		for _, part := range secretParts(secret.Reveal()) {
			add(part)
		}
	})
	return found
}

// eachSecret hands every secret of structs and maps to do.
func eachSecret(v reflect.Value, do func(Secret)) {
	switch v.Kind() { //nolint:exhaustive // Config is made of structs and one map
	case reflect.String:
		if v.Type() == reflect.TypeFor[Secret]() {
			do(Secret(v.String()))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			eachSecret(v.MapIndex(key), do)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachSecret(v.Field(i), do)
			}
		}
	}
}

// secretParts are what is secret in a database's or a web address: password, path and parameters. A database's user,
// host and schema are not.
func secretParts(address string) []string {
	if u, err := parseWeb(address); err == nil {
		return webParts(u)
	}
	if parsed, err := parseDSN(address); err == nil {
		return []string{parsed.Passwd}
	}
	return nil
}

func webParts(u *url.URL) []string {
	var parts []string
	if password, ok := u.User.Password(); ok {
		parts = append(parts, password)
	}
	if len(u.EscapedPath()) >= leastPath {
		parts = append(parts, u.EscapedPath(), u.Path)
	}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	return parts
}
