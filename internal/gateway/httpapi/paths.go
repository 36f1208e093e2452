package httpapi

// The paths of the contract, with {names} for what differs between requests.
const (
	pathPayments = "/v1/payments"
	pathPayment  = "/v1/payments/{id}"
	pathByKey    = "/v1/payments/by-key/{key}"
	pathCancel   = "/v1/payments/{id}/cancel"
	pathRefunds  = "/v1/payments/{id}/refunds"
)
