package provider

import "duly/internal/gateway"

// Liveness is what the mark of a secret key, test or live, says of its account.
func Liveness(mark string) gateway.Liveness {
	switch mark {
	case "test":
		return gateway.LivenessSandbox
	case "live":
		return gateway.LivenessLive
	}
	return gateway.LivenessUnknown
}
