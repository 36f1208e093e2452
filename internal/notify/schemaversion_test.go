package notify_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

type schema = map[string]any

const schemaFolder = "../../docs/events"

func readSchema(t *testing.T, path string) schema {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return parseSchema(t, string(text))
}

func parseSchema(t *testing.T, text string) schema {
	t.Helper()
	var s schema
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

// breaks lists what of a schema a receiver of the one before would read wrongly: whatever is different, but for a description, or a field
// that is new.
func breaks(before, now schema, path string) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(union(before, now))) {
		was, is := before[key], now[key]
		at := path + "/" + key
		switch key {
		case "description", "title", "$id":
		case "properties":
			fields, old := object(is), object(was)
			for _, name := range slices.Sorted(maps.Keys(old)) {
				field, there := fields[name].(schema)
				if !there {
					found = append(found, at+"/"+name+" is gone")
					continue
				}
				found = append(found, breaks(object(old[name]), field, at+"/"+name)...)
			}
		case "required":
			for _, name := range list(was) {
				if !slices.Contains(list(is), name) {
					found = append(found, at+" lacks "+fmt.Sprint(name))
				}
			}
		case "oneOf":
			if len(list(was)) != len(list(is)) {
				found = append(found, at+" has another number of forms")
				continue
			}
			for i, form := range list(was) {
				found = append(found, breaks(object(form), object(list(is)[i]), fmt.Sprintf("%s/%d", at, i))...)
			}
		case "items":
			found = append(found, breaks(object(was), object(is), at)...)
		default:
			if !reflect.DeepEqual(was, is) {
				found = append(found, at+" is another")
			}
		}
	}
	return found
}

func union(a, b schema) schema {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

func object(v any) schema {
	s, _ := v.(schema)
	return s
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// A schema that is changed so that receivers of its version would read payloads wrongly needs a new version; what is only added is taken
// into the committed copy by -update.
func TestSchemasAreVersioned(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(schemaFolder, "*.schema.json"))
	require.NoError(t, err)
	require.Len(t, paths, 19)
	for _, path := range paths {
		kind := strings.TrimSuffix(filepath.Base(path), ".schema.json")
		version := payment.SchemaVersion(kind)
		now := readSchema(t, path)
		require.Equal(t, fmt.Sprintf("urn:duly:event:%s:%d", kind, version), now["$id"], path)
		forms := list(now["oneOf"])
		if len(forms) == 0 {
			forms = []any{now}
		}
		for _, form := range forms {
			if kind != "webhook" {
				field := object(object(object(form)["properties"])["schema_version"])
				require.InDelta(t, version, field["const"], 0, path)
			}
		}
		for v := 1; v < version; v++ {
			require.FileExists(t, filepath.Join("testdata", "schemas", fmt.Sprintf("%s-%d.json", kind, v)), "what was published stays")
		}
		name := fmt.Sprintf("schemas/%s-%d.json", kind, version)
		if copied := filepath.Join("testdata", name); fileExists(copied) {
			require.Empty(t, breaks(readSchema(t, copied), now, kind),
				"give %s a new version in payment.SchemaVersion, in $id and in schema_version, or take the change back", path)
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		golden(t, name, string(text))
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestBreakingChangesOfASchema(t *testing.T) {
	const before = `{"$id": "a", "type": "object", "description": "one", "required": ["a"], "additionalProperties": false,
"properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "array", "items": {"type": "object", "properties": {"c": {"type": "string"}}}}}}`
	for name, c := range map[string]struct {
		from, to string
		want     []string
	}{
		"another text":        {`"one"`, `"two"`, nil},
		"a field more":        {`"properties": {"a"`, `"properties": {"z": {"type": "null"}, "a"`, nil},
		"one more that is on": {`["a"]`, `["a", "b"]`, nil},
		"a field less":        {`"a": {"type": "integer", "minimum": 1}, `, ``, []string{"x/properties/a is gone"}},
		"another type":        {`"integer"`, `"string"`, []string{"x/properties/a/type is another"}},
		"another range":       {`"minimum": 1`, `"minimum": 0`, []string{"x/properties/a/minimum is another"}},
		"a range less":        {`, "minimum": 1`, ``, []string{"x/properties/a/minimum is another"}},
		"not always there":    {`["a"]`, `[]`, []string{"x/required lacks a"}},
		"a part less":         {`"c": {"type": "string"}`, ``, []string{"x/properties/b/items/properties/c is gone"}},
		"null too":            {`"integer"`, `["integer", "null"]`, []string{"x/properties/a/type is another"}},
	} {
		require.Contains(t, before, c.from)
		require.Equal(t, c.want, breaks(parseSchema(t, before), parseSchema(t, strings.Replace(before, c.from, c.to, 1)), "x"), name)
	}
	forms := func(n int) schema {
		return parseSchema(t, `{"oneOf": [`+strings.TrimSuffix(strings.Repeat(`{"type": "object"},`, n), ",")+`]}`)
	}
	require.Empty(t, breaks(forms(2), forms(2), "x"))
	require.Equal(t, []string{"x/oneOf has another number of forms"}, breaks(forms(2), forms(3), "x"))
}
