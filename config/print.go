package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"
)

// String is every key with its value in effect, one a line, secrets redacted.
func (c Config) String() string {
	var b strings.Builder
	for _, s := range c.settings() {
		fmt.Fprintf(&b, "%s: %s\n", s.Key, s.Value.String())
	}
	return b.String()
}

// GoString redacts %#v.
func (c Config) GoString() string { return c.String() }

// LogValue is a group of every key with its value in effect, secrets redacted.
func (c Config) LogValue() slog.Value { return slog.GroupValue(c.settings()...) }

// settings are all keys and their values, as shown to people.
func (c Config) settings() []slog.Attr {
	own := newNames()
	for name := range c.Gateways {
		own[gatewaySection][name] = true
	}
	for name := range c.Billing.Policies {
		own[policySection][name] = true
	}
	var all []slog.Attr
	for _, k := range Keys() {
		for _, name := range own.put(k.Name) {
			all = append(all, slog.String(name, c.show(name)))
		}
	}
	return all
}

// show is the value of one key, as an operator would write it.
func (c Config) show(key string) string {
	switch key {
	case "database.dsn":
		return c.Database.Address()
	case "database.operator_dsn":
		if c.Database.OperatorDSN != "" {
			return c.Database.Operator().Address()
		}
		return ""
	}
	switch v := field(reflect.ValueOf(c), strings.Split(key, ".")).(type) {
	case time.Duration:
		return FormatDuration(v)
	case []int:
		return strings.ReplaceAll(fmt.Sprint(v), " ", ", ")
	default:
		return fmt.Sprint(v)
	}
}

// field follows the tags of structs and the keys of maps down path; nil if it leads nowhere.
func field(v reflect.Value, path []string) any {
	if len(path) == 0 {
		return v.Interface()
	}
	switch v.Kind() { //nolint:exhaustive // Config is made of structs and one map
	case reflect.Map:
		if next := v.MapIndex(reflect.ValueOf(path[0])); next.IsValid() {
			return field(next, path[1:])
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("mapstructure") == path[0] {
				return field(v.Field(i), path[1:])
			}
		}
	}
	return nil
}
