// Package httpapi is the gateway to a payment service that speaks the payments API of this project, be it a
// shop's own or the simulator.
//
// One request is one HTTP/1.1 exchange: nothing here or below repeats a POST or follows a redirect, so that
// what a charge did is known from what its connection saw. Whether any byte of a request left is not guessed
// from error texts but counted at the socket.
package httpapi
