package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// API is how a provider's requests and answers are read. The zero value is docs/payments-api.yaml, whose bodies are compared field by field.
type API struct {
	// Provider is its name; empty: docs/payments-api.yaml.
	Provider string
	// Reads are paths that are called by POST and move no money.
	Reads []string
	// List stands in the target of each request for a list.
	List string
	// Receipt leads to the field of the answer to a charge that names the movement of money, where our client does not read it; nil: it reads it.
	Receipt []string
	// TooManyUnsure: an answer of 429 does not say that nothing was done.
	TooManyUnsure bool
	// Fields are the fields of bodies that people are shown. Of the zero API all are shown but the private ones.
	Fields []string
}

// moves reports whether a request may move money.
func (a API) moves(req *http.Request) bool {
	return req.Method == http.MethodPost && !slices.ContainsFunc(a.Reads, func(path string) bool { return strings.HasSuffix(req.URL.Path, path) })
}

// lists reports whether an exchange is of a page of a list.
func (a API) lists(e *Exchange) bool {
	part := "created_from="
	if a.Provider != "" {
		part = a.List
	}
	return part != "" && strings.Contains(e.Request, part)
}

// receiptOf is what an answer names its movement of money by; empty: it does not.
func (a API) receiptOf(e *Exchange) string {
	if a.Receipt == nil || e.Status != http.StatusOK {
		return ""
	}
	var at any
	if json.Unmarshal([]byte(e.Answer), &at) != nil {
		return ""
	}
	for _, name := range a.Receipt {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	text, _ := at.(string)
	return text
}

// shown is what people are shown of a body: its fields that are known to be of no person.
func (a API) shown(body string) string {
	if a.Provider == "" || body == "" {
		return body
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(body)))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) == nil {
		text, _ := a.render(document)
		return text
	}
	if form, err := url.ParseQuery(body); err == nil && !strings.ContainsAny(body, "<> \n") {
		return a.form(form)
	}
	return fmt.Sprintf("[%d bytes that are no JSON]", len(body))
}

// form is a form body without the fields that are not shown.
func (a API) form(form url.Values) string {
	var parts []string
	for _, field := range a.Fields {
		for _, name := range []string{field, "metadata[" + field + "]"} {
			if value := form.Get(name); value != "" {
				parts = append(parts, name+"="+value)
			}
		}
	}
	return strings.Join(parts, "&")
}

// render writes a document without the fields that are not shown; some is false if nothing of it is left.
func (a API) render(v any) (text string, some bool) {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, field := range a.Fields {
			if part, some := a.field(v[field]); some {
				name, _ := json.Marshal(field) //nolint:errchkjson // it is a text
				parts = append(parts, string(name)+":"+part)
			}
		}
		return "{" + strings.Join(parts, ",") + "}", len(parts) > 0
	case []any:
		for _, item := range v {
			if part, some := a.render(item); some {
				parts = append(parts, part)
			}
		}
		return "[" + strings.Join(parts, ",") + "]", true
	}
	return "", false
}

// field writes the value of a field that is shown.
func (a API) field(v any) (text string, some bool) {
	switch v.(type) {
	case map[string]any, []any:
		return a.render(v)
	case nil:
		return "", false
	}
	plain, err := json.Marshal(v)
	return string(plain), err == nil
}
