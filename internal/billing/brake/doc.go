// Package brake judges by a gateway's newest answers whether its account is at fault, and not the customers: then it must be sent nothing
// more.
package brake
