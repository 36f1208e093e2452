// Package contract holds a payment service to docs/payments-api.yaml: its sentences, the form of its answers, and a [Wire] between a
// client and its connections, which notes what is sent and answered. The conformance suite, gatewaytest, is made of it.
package contract
