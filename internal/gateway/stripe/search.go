package stripe

import (
	"context"
	"encoding/json"
	"strconv"

	"duly/internal/gateway/exchange"
)

const (
	// pageSize is the most intents that Stripe lists at once.
	pageSize = 100
	// mostPages bounds the pages of one customer that are read for a key, and of one part of a list.
	mostPages = 10
	// longestPage is how many bytes of a page are read: an intent and its charge may each have 25 kB of metadata.
	longestPage = 2 * exchange.MaxPage
)

// listBody is a page of intents, the newest first.
type listBody struct {
	Data    *[]intent `json:"data"`
	HasMore *bool     `json:"has_more"`
}

// readList reads a page. why, if it is not empty, says that the body is none.
func readList(body []byte) (b listBody, why string) {
	switch err := json.Unmarshal(body, &b); {
	case err != nil:
		return listBody{}, exchange.Malformed(body, err)
	case b.Data == nil:
		return listBody{}, exchange.Missing("data")
	case b.HasMore == nil:
		return listBody{}, exchange.Missing("has_more")
	case *b.HasMore && len(*b.Data) == 0:
		return listBody{}, "it is empty, and has more"
	}
	return b, ""
}

// searched is what a search brought: a record, or that there is none, or why neither is known: why, or the last answer.
type searched struct {
	found  *intent
	absent bool
	why    string
	last   answer
}

// search reads the intents of a customer, the newest first, until a page has one with the key. Stripe lists an intent as soon as it is
// made, and keeps it for ever, so that a list that was read to its end proves what it lacks. There is no window of time in it: the clocks
// of the two sides need not agree then, and a customer's intents are few.
func (c *Client) search(ctx context.Context, r request, customer, key string) searched {
	after := ""
	for range mostPages {
		q := &form{}
		q.add("customer", customer)
		q.add("limit", strconv.Itoa(pageSize))
		q.add("starting_after", after)
		q.add("expand[]", "data.latest_charge")
		r.path, r.query, r.most = pathIntents, q, longestPage
		a := c.send(ctx, r)
		if !a.ok() {
			return searched{last: a}
		}
		page, why := readList(a.Body)
		if why != "" {
			return searched{why: a.Unreadable(why)}
		}
		if found := newest(*page.Data, key); found != nil {
			return searched{found: found, last: a}
		}
		if !*page.HasMore {
			return searched{absent: true}
		}
		after = (*page.Data)[len(*page.Data)-1].ID
	}
	return searched{why: "the customer has more than " + strconv.Itoa(mostPages*pageSize) + " payments, none of the newest with the key"}
}

// newest is the newest intent with the key, nil if there is none. Of several one that took money counts, or else one that may: another one
// with the key says nothing against it.
func newest(page []intent, key string) *intent {
	var best *intent
	for i := range page {
		if b := &page[i]; b.Metadata[metaKey] == key && (best == nil || b.weight() > best.weight()) {
			best = b
		}
	}
	return best
}

// weight says how much b counts among intents of one key.
func (b intent) weight() int {
	switch b.Status {
	case succeeded:
		return 2
	case canceled, requiresMethod:
		return 0
	}
	return 1
}
