package gateway

import "context"

type customerKey struct{}

// WithCustomer returns a context for calls about a customer: adapters keep the customer's id out of what they tell of an
// answer.
func WithCustomer(ctx context.Context, customer string) context.Context {
	return context.WithValue(ctx, customerKey{}, customer)
}

// Customer is whom calls under ctx are about; empty if that is not known.
func Customer(ctx context.Context) string {
	customer, _ := ctx.Value(customerKey{}).(string)
	return customer
}
