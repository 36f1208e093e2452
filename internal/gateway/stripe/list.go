package stripe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// mostInASecond is how many pages of the intents of one second are read: Stripe takes about a hundred requests a second of one account.
const mostInASecond = 100

// span is a part of a window in whole seconds, which are all that Stripe tells of an intent's time: from is in it, to is not.
type span struct{ from, to int64 }

// List returns the payments of a part of the window. Stripe lists the newest first, so that a part is read to its end, which takes several
// GETs, and handed out reversed; a part that is too large to be held is read again as a smaller one. Every error is a *gateway.ListError.
func (c *Client) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	window := span{seconds(w.From), seconds(w.To)}
	at, length := window.from, window.to-window.from
	if cursor != "" {
		var err error
		if at, length, err = readCursor(cursor, window); err != nil {
			return payment.Listing{}, err
		}
	}
	for at < window.to {
		part := span{at, min(at+length, window.to)}
		found, whole, err := c.part(ctx, part)
		if err != nil {
			return payment.Listing{}, err
		}
		if !whole {
			length = shorter(part, found)
			continue
		}
		if len(found) < pageSize {
			length *= 4
		}
		at = part.to
		if len(found) == 0 {
			continue
		}
		slices.Reverse(found)
		page := payment.Listing{Payments: found}
		if at < window.to {
			page.Cursor = fmt.Sprintf("%d-%d", at, min(length, window.to-at))
		}
		return page, nil
	}
	return payment.Listing{}, nil
}

// seconds is t in whole seconds, rounded up: whatever was made in a whole second from then on was made at t or later.
func seconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// readCursor reads where the next part of a window begins, and how long it is.
func readCursor(cursor string, w span) (at, length int64, err error) {
	from, long, _ := strings.Cut(cursor, "-")
	at, errAt := strconv.ParseInt(from, 10, 64)
	length, errLength := strconv.ParseInt(long, 10, 64)
	if errAt != nil || errLength != nil || at < w.from || at >= w.to || length < 1 {
		return 0, 0, &gateway.ListError{Reason: "the cursor is none of this window"}
	}
	return at, length, nil
}

// shorter is the length of the part to be read instead of one that has too many intents: half of it, or as long as the time that the
// intents read so far, its newest, were made in.
func shorter(part span, newest []payment.Payment) int64 {
	length := (part.to - part.from) / 2
	if n := len(newest); n > 0 {
		length = min(length, part.to-newest[n-1].CreatedAt.Unix())
	}
	return max(length, 1)
}

// judgedAt is the page, counted from 0, after which a part is judged by what was read of it.
const judgedAt = 2

// crowded reports whether a part will not be read to its end if it is everywhere as full as its newest pages.
func crowded(p span, newest []payment.Payment) bool {
	took := newest[0].CreatedAt.Unix() - newest[len(newest)-1].CreatedAt.Unix()
	return p.to-p.from > 1 && took*2*mostPages/(judgedAt+1) < p.to-p.from
}

// part reads the payments of a part, the newest first; whole is false if there are too many of them.
func (c *Client) part(ctx context.Context, p span) (found []payment.Payment, whole bool, err error) {
	most := mostPages
	if p.to-p.from == 1 {
		most = mostInASecond
	}
	after := ""
	for n := range most {
		q := &form{}
		q.add("created[gte]", strconv.FormatInt(p.from, 10))
		q.add("created[lt]", strconv.FormatInt(p.to, 10))
		q.add("limit", strconv.Itoa(pageSize))
		q.add("starting_after", after)
		q.add("expand[]", "data.latest_charge")
		page, more, err := listing(c.send(ctx, request{path: pathIntents, query: q, most: longestPage}))
		if err != nil {
			return nil, false, err
		}
		if found = append(found, page...); !more {
			return found, true, nil
		}
		if n == judgedAt && crowded(p, found) {
			return found, false, nil
		}
		after = page[len(page)-1].ID
	}
	if most == mostInASecond {
		return nil, false, &gateway.ListError{Reason: fmt.Sprintf("more than %d payments in one second", mostInASecond*pageSize)}
	}
	return found, false, nil
}

// listing says what the answer to a request for a page means.
func listing(a answer) (page []payment.Payment, more bool, err error) {
	if o, ok := a.Unanswered(); ok {
		return nil, false, &gateway.ListError{Reason: o.Reason, Failure: o.Failure}
	}
	if !a.ok() {
		return nil, false, &gateway.ListError{Reason: a.text(), Misconfigured: a.misconfigured(), Failure: a.failed(), RetryAfter: a.RetryAfter}
	}
	b, why := readList(a.Body)
	if why != "" {
		return nil, false, &gateway.ListError{Reason: a.Unreadable(why)}
	}
	for _, item := range *b.Data {
		p, why := item.payment(a.Clean, true)
		if why != "" {
			return nil, false, &gateway.ListError{Reason: a.Unreadable(why + ", payment " + cleaned(a.Clean, item.ID))}
		}
		page = append(page, p)
	}
	return page, *b.HasMore, nil
}
