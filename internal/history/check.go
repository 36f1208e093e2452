package history

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/text"
)

// listCheck compares the list of one gateway with the tables.
type listCheck struct {
	history *History
	name    string
	over    chan struct{} // closed when the comparison has ended

	mu       sync.Mutex
	standing standing
	failure  error
	unknowns int
	told     bool
	short    bool      // it has a list, which was not read to its end, or does not show what it must
	forgot   error     // why invoices are left alone that it may have forgotten charges of; nil: none is, or it was told
	failing  bool      // the last request for a page was not answered
	moved    time.Time // by the process's own clock, when a page came last
	coverage billing.Coverage
	open     map[string]payment.Payment // what is listed under the keys of attempts that were not settled then
	accounts []uint32                   // the rows of gateway_accounts that count as its account

	// Of the comparison's own goroutine.
	account query.ListedAccount
	pages   int
	spent   time.Duration
	newest  batch.Mark // the newest attempt that was met
	// Payments of ours, by key, that the list must show if it is whole, until it has shown them.
	expected map[string]payment.Control
}

// at is how the comparison stands, and why nothing may be sent if that is so.
func (c *listCheck) at() (standing, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standing == listUnknown {
		return listUnknown, c.unknownText()
	}
	if c.failure != nil {
		return c.standing, c.failure.Error()
	}
	return c.standing, ""
}

func (c *listCheck) unknownText() string {
	return fmt.Sprintf("gateway %s has %s under keys of ours that no attempt accounts for: was the database restored, or do two installations share "+
		"the account without gateways.%s.key_prefix? Nothing is charged there until each is accounted for: duly adopt %s",
		c.name, text.Plural(int64(c.unknowns), "charge"), c.name, c.name)
}

// unread reports whether the gateway's list may show more than was compared.
func (c *listCheck) unread() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.short
}

// stuck reports whether nobody waits for the comparison: its gateway does not answer.
func (c *listCheck) stuck(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failing || now.Sub(c.moved) > silentFor
}

func (c *listCheck) covers() billing.Coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.coverage
}

// settle ends the comparison. Unknown charges that were found are not forgotten for another reason.
func (c *listCheck) settle(at standing, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
	if c.standing = at; c.unknowns > 0 {
		c.standing = listUnknown
	}
}

// found counts unknown charges; nothing more is sent to the gateway.
func (c *listCheck) found(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unknowns += n; n > 0 && c.standing != listComparing {
		c.standing = listUnknown
	}
}

// problem is what the run fails with, told once.
func (c *listCheck) problem() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.forgot; err != nil {
		c.forgot, c.told = nil, true
		return err
	}
	switch {
	case c.told:
		return nil
	case c.standing == listUnknown:
		c.told = true
		return errors.New(c.unknownText())
	case c.standing == listBroken:
		c.told = true
		return c.failure
	}
	return nil
}

// forget notes that an invoice is left alone of which the gateway may have forgotten charges that the tables have lost.
func (c *listCheck) forget() error {
	err := fmt.Errorf("the database may have been restored or have lost commits, and gateway %s shows no charge for longer than it keeps keys: find out what it took for "+
		"earlier due dates, settle that, then run: duly doctor --history-confirmed --reason …", c.name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told {
		c.forgot = err
	}
	return err
}

// heard notes that a page came, or that none did.
func (c *listCheck) heard(failing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing = failing; !failing {
		c.moved = c.history.Clock()
	}
}
