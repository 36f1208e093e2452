package contracttest

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// lint says what a reader of a contract would miss, beside what OpenAPI itself wants: summaries and descriptions,
// the answers of every operation, parts that nobody refers to, and addresses that two paths lead to.
func lint(doc *openapi3.T, text []byte) error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, s := range doc.Servers {
		if s.Description == "" {
			add("server %s has no description", s.URL)
		}
	}
	summaries := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			name := method + " " + path
			if o.Summary == "" || len(o.Summary) > longestSummary || strings.HasSuffix(o.Summary, ".") {
				add("%s: the summary %q is not a short line", name, o.Summary)
			}
			if other := summaries[o.Summary]; other != "" {
				add("%s has the summary of %s", name, other)
			}
			summaries[o.Summary] = name
			for _, answer := range answersOf(doc, method) {
				if o.Responses.Value(answer) == nil {
					add("%s does not say what %s means", name, answer)
				}
			}
			for _, parameter := range slices.Concat(item.Parameters, o.Parameters) {
				if parameter.Value.Description == "" {
					add("%s: the parameter %s has no description", name, parameter.Value.Name)
				}
			}
			if doc.Security == nil && o.Security == nil {
				add("%s needs no credentials", name)
			}
		}
	}
	for _, part := range componentsOf(doc) {
		if !strings.Contains(string(text), `"#/components/`+part+`"`) && !strings.HasPrefix(part, "securitySchemes/") {
			add("nobody refers to %s", part)
		}
	}
	problems = append(problems, ambiguous(doc)...)
	return errors.Join(problems...)
}

const longestSummary = 80

// answersOf lists the answers that every operation of a method explains. A document may say in x-answers which, by method.
func answersOf(doc *openapi3.T, method string) []string {
	if own, ok := doc.Extensions["x-answers"].(map[string]any); ok {
		listed, _ := own[strings.ToLower(method)].([]any)
		answers := make([]string, len(listed))
		for i, code := range listed {
			answers[i] = fmt.Sprint(code)
		}
		return answers
	}
	answers := []string{"200", "401", "403", "429"}
	if method == http.MethodPost {
		return append(answers, "400", "409", "422")
	}
	return answers
}

func componentsOf(doc *openapi3.T) []string {
	var all []string
	for name := range doc.Components.Schemas {
		all = append(all, "schemas/"+name)
	}
	for name := range doc.Components.Parameters {
		all = append(all, "parameters/"+name)
	}
	for name := range doc.Components.Responses {
		all = append(all, "responses/"+name)
	}
	for name := range doc.Components.Headers {
		all = append(all, "headers/"+name)
	}
	return all
}

// ambiguous names each two paths that one address fits: their segments are equal, or one is a parameter that may have the other's
// value.
func ambiguous(doc *openapi3.T) []error {
	var out []error
	paths := doc.Paths.InMatchingOrder()
	for i, one := range paths {
		for _, other := range paths[i+1:] {
			a, b := strings.Split(one, "/"), strings.Split(other, "/")
			if len(a) != len(b) {
				continue
			}
			both := true
			for j := range a {
				both = both && (fits(doc, one, a[j], b[j]) || fits(doc, other, b[j], a[j]))
			}
			if both {
				out = append(out, fmt.Errorf("one address may be %s and %s", one, other))
			}
		}
	}
	return out
}

var parameterName = regexp.MustCompile(`^\{(\w+)\}$`)

// fits reports whether a segment of a path may have the value of another path's segment.
func fits(doc *openapi3.T, path, segment, other string) bool {
	name := parameterName.FindStringSubmatch(segment)
	switch {
	case segment == other, name != nil && parameterName.MatchString(other):
		return true
	case name == nil:
		return false
	}
	for _, o := range doc.Paths.Value(path).Operations() {
		if p := o.Parameters.GetByInAndName("path", name[1]); p == nil || p.Schema.Value.VisitJSON(other, openapi3.EnableJSONSchema2020()) == nil {
			return true
		}
	}
	return false
}
