// Package core has what all simulated providers share: the ledger, idempotency keys and the answers kept under them, faults, latency,
// outages, rate limits, requests that land late, and the control operations below /_sim/. A [Dialect] adds one provider's
// API. Package plan describes payment methods and faults.
//
// # How to write a dialect
//
// A dialect is a folder beside this one, with a type that implements [Dialect] and keeps no state of its own. httpapi is the
// smallest one. In order:
//
//  1. [Rules]: how long the provider keeps keys (KeyLife, ByDay), whether a key stands for one body (SameBody), whether one
//     handle takes money once (PaidOnce), and what its ids look like (IDPrefix; empty: the handle is the id).
//  2. Routes: each handler reads its request and calls one method of [Simulator]: Charge, Look, Change, or Ask for lists
//     and everything else. They count the request, check credentials, outage and rate limit, draw latency and fault, and write
//     the answer; a handler writes no answer itself.
//  3. A [Charge] has two names. Handle is what the provider looks the payment up by: the idempotency key in httpapi, paymentId
//     in portone, orderId in toss. Key is duly's own key, as the ledger shows it: it comes out of metadata where the
//     provider carries it there, and is the handle else. Reference and CustomerID come from the same place. An invalid
//     request has Refusal set, and as much of the rest as could be read; without a Handle it is not noted at all. Check refuses by what is
//     in the books, Instead changes outcomes because of what the request asks for.
//  4. Scope is what the provider keeps answers under: its idempotency key together with whatever else it matches by, such as
//     the path and the API key. Keeps says which answers are kept, Replayed marks one that is repeated. A provider that keeps every
//     answer keeps refusals too. Where Config.ForgetErrors is set the core keeps no 4xx and 5xx, whatever Keeps says.
//  5. Charged writes the answer to the charge that made a payment, Refuse every refusal that the core decides on, Unclear the
//     provider's own errors. Set Refused on an answer only where the provider documents that nothing was executed.
//     Faults that strike on the way (drops, 5xx of a proxy, half answers, redirects, empty 4xx) are the core's and need no words,
//     but Garbage: an answer that a careless adapter takes for a payment.
//  6. Lists: Ask with [OpList], then walk [Books.Between] or sort what it yields; [Position.String] is a cursor.
//  7. Refunds: Change with [OpRefund]; [Books.Refund] does it as the payment method asks for (at once, later, never),
//     [Payment.Parts] lists them. Where the provider keeps more of a refund than amount and reason, use
//     [Books.RefundPart].
//  8. Name it in the table of the package simulator, write its OpenAPI document, and hold every request and answer of its
//     tests against that, as the other dialects do.
//
// Functions that get [Books] run with the simulator locked, so they call no method of [Simulator].
package core
