// Package portone is the gateway to PortOne V2, which charges billing keys through the payment company of a channel.
//
// The id of a payment is made of its key ([provider.ID]), so that looking up by id is looking up by key, and PortOne itself lets an id
// succeed once. An answer to a charge says neither amount nor customer: what PortOne recorded is read where the answer does not prove
// that this request was paid. Declines come as HTTP 502; the type in the body decides, and never the status alone.
package portone
