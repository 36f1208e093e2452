package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
)

func TestFile(t *testing.T) {
	for _, test := range []struct {
		name, content string
		want          []string
	}{
		{"empty", "", nil},
		{"comments alone", "# nothing\n", nil},
		{"a null document", "---\n~\n", nil},
		{"sections without keys", "billing:\ngateways:\nslack: {}\n", nil},
		{"keys without values", "billing:\n  chunk_size:\n  retry_days: null\n  catch_up: ~\n", nil},
		{"anchors", "billing: {chunk_size: &size 50}\nreconcile: {chunk_size: *size}\n", nil},
		{"JSON", `{"billing": {"chunk_size": 50}}`, nil},
		{"a list", "- a\n", []string{"duly.yaml: is no configuration: write sections with keys, as in duly.example.yaml"}},
		{"a word", "sesame\n", []string{"duly.yaml: is no configuration: write sections with keys, as in duly.example.yaml"}},
		{"bad indentation", "billing:\n  chunk_size: 5\n catch_up: one\n", []string{"duly.yaml: is not YAML: line 2: did not find expected key"}},
		{"a tab", "billing:\n\tchunk_size: 5\n", []string{"duly.yaml: is not YAML: line 2: found character that cannot start any token"}},
		{"a password that begins with an asterisk", "database: {dsn: *sesame}\n", []string{"duly.yaml: is not YAML: mind quotes, anchors and indentation"}},
		{"two documents", "billing: {}\n---\nbilling: {}\n", []string{"duly.yaml: has a second document (---), which would not be read: keep one"}},
		{"an unknown key", "billing:\n  retry_day: [1]\n", []string{"billing.retry_day: unknown: did you mean billing.retry_days? (duly.yaml, line 2)"}},
		{"an unknown section, once", "databse:\n  dsn: a\n  max_open: 5\n", []string{"databse: unknown: did you mean database? (duly.yaml, line 1)"}},
		{"a key in the wrong place", "retry_days: [1]\n", []string{"retry_days: unknown: did you mean billing.retry_days? (duly.yaml, line 1)"}},
		{"a key in capitals", "database: {DSN: private}\n", []string{"database.DSN: unknown: did you mean database.dsn? (duly.yaml, line 1)"}},
		{"a key like no other", "colour: red\n", []string{"colour: unknown: every key is in duly.example.yaml (duly.yaml, line 1)"}},
		{
			"an unknown key of a gateway", "gateways: {kakao: {url: 'http://h', token: t, retries: 3}}",
			[]string{"gateways.kakao.retries: unknown: did you mean gateways.kakao.tries? (duly.yaml, line 1)"},
		},
		{"a key twice", "billing: {chunk_size: 1}\nrun: {}\nbilling: {chunk_size: 2}\n", []string{"billing: given twice: keep one of the two (duly.yaml, line 3)"}},
		{"a dotted key", "billing.chunk_size: 1\n", []string{`duly.yaml: line 1: "billing.chunk_size" has a dot in it: write one level below the other`}},
		{"a merge key", "run: &r {lease: 60s}\nbilling: {<<: *r}\n", []string{"duly.yaml: line 2: merge keys and keys that are no words are not read: write the keys out"}},
		{"a value for a section", "billing: 5\n", []string{"billing: is a section: write its keys below it, one level in (duly.yaml, line 1)"}},
		{"a list for a section", "billing: [5]\n", []string{"billing: is a section: write its keys below it, one level in (duly.yaml, line 1)"}},
		{"a section for a value", "billing: {chunk_size: {a: 1}}\n", []string{"billing.chunk_size: takes a value, and is no section (duly.yaml, line 1)"}},
		{"a list of lists", "billing: {retry_days: [[1], 2]}\n", []string{"billing.retry_days: takes a list of single values (duly.yaml, line 1)"}},
		{"a list for a value", "billing: {chunk_size: [1]}\n", []string{"billing.chunk_size: takes one value, and no list (duly.yaml, line 1)"}},
		{"a list for a secret", "outbox: {secret: [a]}\n", []string{"outbox.secret: takes one value, and no list (duly.yaml, line 1)"}},
		{
			"a bad name of a gateway, once", "gateways: {Main: {url: 'http://h', token: t}}",
			[]string{"gateways.Main: a gateway's name is at most 32 small letters, digits and dashes (duly.yaml, line 1)"},
		},
		{
			"a name longer than its column", "gateways: {a23456789012345678901234567890123: {url: 'http://h', token: t}}",
			[]string{"gateways.a23456789012345678901234567890123: a gateway's name is at most 32 small letters, digits and dashes (duly.yaml, line 1)"},
		},
		{
			"a gateway with nothing in it", "gateways:\n  main:\n",
			[]string{
				"gateways.main.token: missing: give the service's bearer token, here, in DULY_GATEWAYS_MAIN_TOKEN or by gateways.main.token_file",
				"gateways.main.url: missing: say where the service is, e.g. https://payments.example.com",
			},
		},
		{
			"everything at once", "databse: {}\nbilling: {chunk_size: 0, catch_up: two}\n",
			[]string{
				`billing.catch_up: "two" is none of default, one, skip (duly.yaml, line 2)`,
				"billing.chunk_size: 0 is out of range: give a whole number from 1 to 2000 (duly.yaml, line 2)",
				"databse: unknown: did you mean database? (duly.yaml, line 1)",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.content)
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, test.want, problems(t, err))
		})
	}
}

// What YAML takes for a number, a date or a boolean is the text that was written.
func TestFileKeepsTextAsWritten(t *testing.T) {
	c, err := load(t, "gateways:\n  '007': {url: 'http://h', token: 0123}\n  \"on\": {url: 'http://h', token: 1e3}\n  2024-01-01: {url: 'http://h', token: yes}\n")
	require.NoError(t, err)
	got := map[string]string{}
	for name, g := range c.Gateways {
		got[name] = g.Token.Reveal()
	}
	require.Equal(t, map[string]string{"007": "0123", "on": "1e3", "2024-01-01": "yes"}, got)
}

func TestAnchorsInsideThemselves(t *testing.T) {
	_, err := load(t, "gateways: &g {main: *g}\n")
	require.Error(t, err)
	var p config.Problems
	require.ErrorAs(t, err, &p)
}
