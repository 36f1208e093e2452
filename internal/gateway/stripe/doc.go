// Package stripe is the gateway to Stripe: a charge is one PaymentIntent, created and confirmed by one request.
//
// An intent carries key, reference and customer of its charge as metadata, which is the only way back from it to the charge. What an
// answer means is read from its typed body, never from its status alone: Stripe keeps most answers under the key, errors too.
package stripe
