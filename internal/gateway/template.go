package gateway

import "context"

type templateKey struct{}

// WithTemplate returns the context of a request whose path is of the template, such as /v1/payments/{id}. Traces tell the template
// instead of the path, which may hold what a card is charged by.
func WithTemplate(ctx context.Context, template string) context.Context {
	return context.WithValue(ctx, templateKey{}, template)
}

// Template is the template of a request's path; empty if the adapter names none.
func Template(ctx context.Context) string {
	template, _ := ctx.Value(templateKey{}).(string)
	return template
}
