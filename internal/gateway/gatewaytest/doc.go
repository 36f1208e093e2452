// Package gatewaytest is the conformance suite that every gateway passes. Its cases are data: a Go test runs
// them with Run against a simulator. What of it can be asked of a real service is in the folder outside.
//
// A case charges a payment method of which it is known what becomes of its charges, and compares what the
// gateway makes of the answers with what the provider's books say. What a target cannot do is ErrNotOffered,
// which Run takes for a failure unless the abilities of the gateway excuse it.
package gatewaytest
