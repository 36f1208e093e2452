package provider

import "duly/internal/gateway"

// Liveness returns whether an account is live by the mark of its secret key, test or live.
func Liveness(mark string) gateway.Liveness {
	switch mark {
	case "test":
		return gateway.LivenessSandbox
	case "live":
		return gateway.LivenessLive
	}
	return gateway.LivenessUnknown
}
