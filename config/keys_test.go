package config_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with the file at path, or writes it there.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run go test ./config -update")
}

// leaves are the dotted names of all fields below v.
func leaves(v reflect.Type, at string) []string {
	switch {
	case v.Kind() == reflect.Map:
		return leaves(v.Elem(), at+".<name>")
	case v.Kind() != reflect.Struct:
		return []string{strings.TrimPrefix(at, ".")}
	}
	var names []string
	for f := range v.Fields() {
		if f.IsExported() {
			names = append(names, leaves(f.Type, at+"."+f.Tag.Get("mapstructure"))...)
		}
	}
	return names
}

func TestEveryFieldIsAKey(t *testing.T) {
	var names []string
	for _, k := range config.Keys() {
		names = append(names, k.Name)
	}
	require.ElementsMatch(t, leaves(reflect.TypeFor[config.Config](), ""), names)
}

func TestKeysAreExplained(t *testing.T) {
	variables := map[string]string{}
	for _, k := range config.Keys() {
		require.Regexp(t, `^[^ ].*\.$`, k.Why, k.Name)
		require.NotEqual(t, k.Default == "", k.Example == "", "%s: a default or else an example", k.Name)
		require.Empty(t, variables[k.Variable()], k.Name)
		variables[k.Variable()] = k.Name
		if k.Secret {
			require.Empty(t, k.Default, k.Name)
		}
		for kind := range k.ByType {
			require.Contains(t, config.GatewayTypes(), kind, k.Name)
		}
	}
	require.Equal(t, "database.acquire_timeout", variables["DULY_DATABASE_ACQUIRE_TIMEOUT"])
	require.Equal(t, "DULY_GATEWAYS_KAKAO_PAY_URL", config.Key{Name: "gateways.kakao-pay.url"}.Variable())
}

const exampleHead = `# Every key of duly with its default. Copy this file to duly.yaml, and take the # off the keys that you set and
# off the names above them; a key without a value is as good as none. Variables named DULY_… (dots and dashes
# become underscores, as in DULY_DATABASE_DSN or DULY_GATEWAYS_MAIN_URL) win over the file, flags over both.
#
# Durations: 500ms, 30s, 5m, 24h, 90d. A secret can be kept in a file of its own: give its path under the key
# that is named beside it.
`

// exampleKey is the name of a key with a name of the operator's own put in.
func exampleKey(k config.Key) string {
	own := "main"
	if strings.HasPrefix(k.Name, "billing.policies.") {
		own = "gentle"
	}
	return strings.Replace(k.Name, "<name>", own, 1)
}

// example renders duly.example.yaml. Keys stand behind a # without a space, words behind one with a space.
func example() string {
	var b strings.Builder
	b.WriteString(exampleHead)
	var open []string
	for _, k := range config.Keys() {
		path := strings.Split(exampleKey(k), ".")
		sections, name := path[:len(path)-1], path[len(path)-1]
		for depth, section := range sections {
			if depth < len(open) && open[depth] == section {
				continue
			}
			open = sections[:depth]
			writeSection(&b, depth, section, sections[0] == "gateways" && depth > 0 || slices.Contains(sections[:depth+1], "policies"))
		}
		open = sections

		indent := strings.Repeat("  ", len(sections))
		why, value := k.Why, " "+k.Default
		switch {
		case k.Default == "" && sections[0] == "gateways":
			value = " " + asYAML(k.Example)
		case k.Default == "":
			value = "  # none; e.g. " + asYAML(k.Example)
		}
		if others := byType(k); others != "" {
			why += " With type" + strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(others, ";"), ";", "; with type"), "`", "") + "."
		}
		if k.Secret {
			why += " Secret: or " + name + "_file."
		}
		b.WriteString("\n" + wrap(why, indent+"# ", 110))
		fmt.Fprintf(&b, "%s#%s:%s\n", indent, name, value)
	}
	return b.String()
}

func writeSection(b *strings.Builder, depth int, name string, commented bool) {
	indent, mark := strings.Repeat("  ", depth), ""
	if commented {
		mark = "#"
	}
	b.WriteString("\n")
	switch name {
	case "main":
		b.WriteString(wrap("One block for each account, under a name of your own: small letters, digits and dashes. Subscriptions and "+
			"payments are charged at the gateway that they name.", indent+"# ", 110))
	case "gentle":
		b.WriteString(wrap("One block for each dunning policy, under a name of your own: small letters, digits and dashes. Subscriptions name theirs in the column "+
			"dunning_policy.", indent+"# ", 110))
	}
	fmt.Fprintf(b, "%s%s%s:\n", indent, mark, name)
}

// wrap breaks text into lines that begin with prefix.
func wrap(text, prefix string, width int) string {
	var b strings.Builder
	line := prefix
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(word) > width {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = prefix
		}
		line += word + " "
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

func TestExampleFile(t *testing.T) {
	const path = "../duly.example.yaml"
	golden(t, path, example())

	want, err := config.Load(config.Options{NoFile: true})
	require.NoError(t, err)
	got, err := config.Load(config.Options{File: path})
	require.NoError(t, err)
	require.Equal(t, want, got, "as it is shipped, the example sets nothing")

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	uncommented := regexp.MustCompile(`(?m)^( *)#([a-z])`).ReplaceAllString(string(text), "$1$2")
	got, err = config.Load(config.Options{File: write(t, "duly.yaml", uncommented)})
	require.NoError(t, err)
	want, err = config.Load(config.Options{NoFile: true, Env: []string{
		"DULY_GATEWAYS_MAIN_URL=https://payments.example.com", "DULY_GATEWAYS_MAIN_TOKEN=change-me", "DULY_GATEWAYS_MAIN_CID_SECRET=change-me",
		"DULY_BILLING_POLICIES_GENTLE_AFTER_LAST=cancel",
	}})
	require.NoError(t, err)
	require.Equal(t, want, got, "uncommented, it sets the defaults and an example of a gateway and of a policy")
	for _, k := range config.Keys() {
		name := k.Name[strings.LastIndexByte(k.Name, '.')+1:]
		require.Regexp(t, `(?m)^ *`+name+`:( |$)`, uncommented)
	}
}

// Every example is right: it can be taken over as it stands.
func TestExamplesAreValid(t *testing.T) {
	for _, k := range config.Keys() {
		if k.Default != "" {
			continue
		}
		key := exampleKey(k)
		flags := map[string]any{"outbox.secret": "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU=", "slack.channel": "c", "slack.token": "t"}
		if key == "slack.webhook_url" {
			delete(flags, "slack.token")
			delete(flags, "slack.channel")
		}
		flags[key] = k.Example
		_, err := config.Load(config.Options{NoFile: true, Env: one(), Flags: flags})
		require.NoError(t, err, k.Name)
	}
}

// table renders the keys for docs/configuration.md.
func table() string {
	var b strings.Builder
	b.WriteString("| key | default | what for |\n|---|---|---|\n")
	for _, k := range config.Keys() {
		value := "–"
		if k.Default != "" {
			value = "`" + k.Default + "`"
		}
		value += byType(k)
		secret := ""
		if k.Secret {
			secret = " (secret)"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", k.Name, secret, value, strings.ReplaceAll(k.Why, "|", "\\|"))
	}
	return b.String()
}

// byType writes the defaults of types of gateways that have others, such as "; portone: `60s`".
func byType(k config.Key) string {
	types := map[string][]string{}
	for kind, value := range k.ByType {
		types[value] = append(types[value], kind)
	}
	text := ""
	for _, value := range slices.Sorted(maps.Keys(types)) {
		text += "; " + strings.Join(slices.Sorted(slices.Values(types[value])), ", ") + ": `" + value + "`"
	}
	return text
}

func TestDocumentedKeys(t *testing.T) {
	const path, begin, end = "../docs/configuration.md", "<!-- keys: written by go test ./config -update -->\n\n", "\n<!-- end of keys -->"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	golden(t, path, before+begin+table()+end+after)
}

// asYAML quotes what would be a comment or an alias.
func asYAML(value string) string {
	if strings.ContainsAny(value, "#*") {
		return strconv.Quote(value)
	}
	return value
}
