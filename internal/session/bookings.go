package session

import (
	"fmt"

	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/store"
)

// Bookings reserves payments for an operator's command, under the account that the gateway is called at today.
func (s *Session) Bookings(name string) (*store.Bookings, error) {
	b := &store.Bookings{}
	c, err := s.Load()
	if err != nil {
		return nil, err
	}
	g, ok := c.Gateways[name]
	if !ok {
		return b, nil
	}
	client, err := s.Adapter(name, g)
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("gateways.%s: %w", name, err))
	}
	defer client.Close()
	able := client.Capabilities()
	b.Called = map[string]payment.Account{name: {Gateway: name, Address: able.Address, ID: able.Account}}
	return b, nil
}
