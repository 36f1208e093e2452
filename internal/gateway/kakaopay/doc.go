// Package kakaopay is the gateway to KakaoPay's subscription payments, called directly.
//
// KakaoPay keeps no idempotency keys, finds no payment by our order id, and lists none. So one request is sent for an attempt, and one
// whose answer is lost is left to an operator: [Client.LastApproved] tells when the method was last charged.
package kakaopay
