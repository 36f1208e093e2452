// Package contracttest holds HTTP traffic against the OpenAPI documents in docs.
package contracttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Contract is one OpenAPI document. It is safe for concurrent use.
type Contract struct{ Doc *openapi3.T }

// Load reads a document of the folder docs, and refuses what Parse does.
func Load(name string) (*Contract, error) {
	text, err := os.ReadFile(File(name))
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// File is the path of a document of the folder docs.
func File(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "docs", name)
}

// Parse reads a document, and lets nothing pass that OpenAPI does not know, or that a reader would miss.
func Parse(text []byte) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableSchemaFormatValidation(),
		openapi3.EnableSchemaDefaultsValidation(), openapi3.EnableExamplesValidation(), openapi3.ProhibitExtensionsWithRef(), openapi3.EnableMultiError()); err != nil {
		return nil, err
	}
	return &Contract{doc}, lint(doc, text)
}

// route finds the operation that r asks for.
func (c *Contract) route(r *http.Request) (*routers.Route, map[string]string, error) {
	asked := strings.Split(r.URL.EscapedPath(), "/")
	for _, path := range c.Doc.Paths.InMatchingOrder() {
		item := c.Doc.Paths.Value(path)
		params, ok := match(strings.Split(path, "/"), asked)
		if !ok || item.GetOperation(r.Method) == nil {
			continue
		}
		return &routers.Route{Spec: c.Doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}, params, nil
	}
	return nil, nil, fmt.Errorf("%s %s is no operation of the contract", r.Method, r.URL.Path)
}

// match holds the segments of an address against those of a path.
func match(path, asked []string) (map[string]string, bool) {
	if len(path) != len(asked) {
		return nil, false
	}
	params := map[string]string{}
	for i, segment := range path {
		if name := parameterName.FindStringSubmatch(segment); name != nil {
			value, err := url.PathUnescape(asked[i])
			if err != nil || value == "" {
				return nil, false
			}
			params[name[1]] = value
		} else if segment != asked[i] {
			return nil, false
		}
	}
	return params, true
}

// input is what both validations of the library want to know of a request.
func (c *Contract) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, params, err := c.route(r)
	if err != nil {
		return nil, err
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true, AuthenticationFunc: authenticated,
		},
	}, nil
}

// CheckRequest returns what of r breaks the contract. It leaves r's body to be read again.
func (c *Contract) CheckRequest(r *http.Request) error {
	in, err := c.input(r)
	if err != nil {
		return err
	}
	if err := unknownQuery(in); err != nil {
		return err
	}
	if r.ContentLength == 0 { // the library takes an empty body for one that is there
		in.Options.RejectWhenRequestBodyNotSpecified = false
	}
	if in.Route.Operation, err = withoutNot(in); err != nil {
		return err
	}
	if err := unknownForm(in); err != nil {
		return err
	}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return fmt.Errorf("the request %s %s: %w", r.Method, r.URL.Path, err)
	}
	return nil
}

// unknownQuery finds a query parameter that the operation does not have, which the library lets pass.
func unknownQuery(in *openapi3filter.RequestValidationInput) error {
	for name := range in.Request.URL.Query() {
		if in.Route.Operation.Parameters.GetByInAndName("query", name) == nil && in.Route.PathItem.Parameters.GetByInAndName("query", name) == nil {
			return fmt.Errorf("the request %s %s: the query parameter %s is unknown", in.Request.Method, in.Request.URL.Path, name)
		}
	}
	return nil
}

// withoutNot checks the path parameters that exclude values, which the library cannot, and returns the operation without these.
func withoutNot(in *openapi3filter.RequestValidationInput) (*openapi3.Operation, error) {
	o := *in.Route.Operation
	o.Parameters = slices.Clone(o.Parameters)
	for i, ref := range o.Parameters {
		p := ref.Value
		if p.In != "path" || p.Schema.Value.Not == nil {
			continue
		}
		if err := p.Schema.Value.VisitJSON(in.PathParams[p.Name], openapi3.EnableJSONSchema2020()); err != nil {
			return nil, fmt.Errorf("the request %s %s: %s: %w", in.Request.Method, in.Request.URL.Path, p.Name, err)
		}
		loose, schema := *p, *p.Schema.Value
		schema.Not = nil
		loose.Schema = openapi3.NewSchemaRef("", &schema)
		o.Parameters[i] = &openapi3.ParameterRef{Value: &loose}
	}
	return &o, nil
}

// unknownForm finds a field of a form that the operation does not have, which the library lets pass.
func unknownForm(in *openapi3filter.RequestValidationInput) error {
	r, body := in.Request, in.Route.Operation.RequestBody
	if body == nil || body.Value.Content[mediaTypeForm] == nil || r.Body == nil {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return fmt.Errorf("the request %s %s: %w", r.Method, r.URL.Path, err)
	}
	properties := body.Value.Content[mediaTypeForm].Schema.Value.Properties
	for name := range form {
		outer, _, nested := strings.Cut(name, "[")
		if properties[name] == nil && (!nested || properties[outer] == nil || !properties[outer].Value.Type.Is("object")) {
			return fmt.Errorf("the request %s %s: the field %s is unknown", r.Method, r.URL.Path, name)
		}
	}
	return nil
}

const mediaTypeForm = "application/x-www-form-urlencoded"

// CheckAnswer returns what of an answer to r breaks the contract.
func (c *Contract) CheckAnswer(r *http.Request, status int, header http.Header, body []byte) error {
	request, err := c.input(r)
	if err != nil {
		return err
	}
	in := &openapi3filter.ResponseValidationInput{RequestValidationInput: request, Status: status, Header: header, Options: request.Options}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.WithoutCancel(r.Context()), in); err != nil {
		return fmt.Errorf("the answer to %s %s, %d %s: %w", r.Method, r.URL.Path, status, body, err)
	}
	return nil
}

// authenticated checks that a request carries the credentials of a scheme, right or wrong. A scheme in a header that begins with a
// word says so in x-prefix.
func authenticated(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	given := in.RequestValidationInput.Request.Header.Get("Authorization")
	prefixes := map[string]string{"basic": "Basic ", "bearer": "Bearer "}
	prefix := prefixes[in.SecurityScheme.Scheme]
	if word, ok := in.SecurityScheme.Extensions["x-prefix"].(string); ok {
		prefix = word
	}
	if !strings.HasPrefix(given, prefix) || len(given) == len(prefix) {
		return in.NewError(fmt.Errorf("Authorization does not begin with %q", prefix)) //nolint:staticcheck // a header's name
	}
	return nil
}
