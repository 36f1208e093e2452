package portone

import (
	"time"

	"duly/internal/gateway/provider"
)

// defaultSkew is how far PortOne's clock and ours may be apart.
const defaultSkew = 5 * time.Minute

// Config is one store at PortOne.
type Config struct {
	provider.Settings

	// StoreID is the store's id; empty: the one that the secret belongs to.
	StoreID string
	// ChannelKey names the channel that is charged through; empty: that of the billing key.
	ChannelKey string
	// TestChannels are keys of further test channels whose payments are ours, such as that of a payment window. Payments of live channels always are.
	TestChannels []string
	// Skew is how far PortOne's clock and ours may be apart; 0: five minutes.
	Skew time.Duration
}
