package kakaopay

import (
	"slices"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
)

// Config is one merchant at KakaoPay. Its Token is the secret key of the application. KeyLife and ListLag are not used.
type Config struct {
	provider.Settings

	// CID is the merchant's code for subscriptions, of 10 characters; its methods (SIDs) are charged under it alone.
	CID string
	// CIDSecret is sent with each request if the merchant has one. It appears in no text.
	CIDSecret string
	// KeyPrefix begins every key; the reference of a payment is read from its key without it.
	KeyPrefix string
}

// check returns the address, or every problem with c.
func (c Config) check() (base string, err error) {
	var more []string
	if c.CID == "" || exchange.Visible(c.CID) != c.CID {
		more = append(more, "cid: missing, or not plain printable text: give the merchant's code for subscriptions, TCSUBSCRIP for tests")
	}
	if exchange.Visible(c.CIDSecret) != c.CIDSecret {
		more = append(more, "cid_secret: not plain printable text")
	}
	s := c.Settings
	s.KeyLife = s.LongestRequest + time.Second // there are no keys whose life could be too short
	return s.Check(more...)
}

// liveness goes by the CID: those that KakaoPay publishes for tests move no money. For any other CID it is unknown.
func (c Config) liveness() gateway.Liveness {
	if slices.Contains([]string{"TCSUBSCRIP", "TC0ONETIME"}, c.CID) {
		return gateway.LivenessSandbox
	}
	return gateway.LivenessUnknown
}
