// Package toss is the gateway to Toss Payments, API version 2022-11-16, which charges billing keys.
//
// The orderId of a payment is its key, or made of it ([provider.ID]) where Toss would not take the key, so that looking up by orderId is
// looking up by key. Toss keeps its answer to a key for 15 days, errors too: an error that leaves the charge in doubt is looked up and
// never sent again. The code in the body decides, and never the status alone: declines are 400 and 403, and faults that pass are 400.
package toss
