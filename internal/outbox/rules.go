package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// waits are the times between tries, 57 hours and 42 minutes together: a receiver that is down for two days still
// gets its events within the 12 tries of the default.
//
//nolint:gochecknoglobals // a table
var waits = [...]time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// longest is the most that a receiver can ask us to wait.
const longest = 24 * time.Hour

// spread is how many different waits the events that failed at one moment get, over a tenth of the wait.
const spread = 16

// Wait is how long after its tries-th failure an event is tried again. Events that failed together do not come
// back together: by their ids they wait up to a tenth longer.
func Wait(tries int, id uint64) time.Duration {
	wait := waits[min(max(tries, 1), len(waits))-1]
	return wait + wait/10*time.Duration(id%spread)/spread
}

// What [Unreadable] says of an event begins so.
const (
	nullColumn = "its %s is NULL"
	notJSON    = "its payload is not JSON: "
)

// RowFails reports whether a reason why an event was not delivered is [Unreadable]'s: its row must be fixed first.
func RowFails(reason string) bool { return AtFault(reason) != "" }

// AtFault is the column of an event's row that a reason of [Unreadable] is about; empty for any other reason.
func AtFault(reason string) string {
	var column string
	if n, _ := fmt.Sscanf(reason, nullColumn, &column); n == 1 && reason == fmt.Sprintf(nullColumn, column) {
		return column
	}
	if strings.HasPrefix(reason, notJSON) {
		return "payload"
	}
	return ""
}

// Unreadable says why e cannot be sent to anybody, however often it is tried; empty if it can.
func Unreadable(e Event) string {
	if e.Null != "" {
		return fmt.Sprintf(nullColumn, e.Null)
	}
	var payload json.RawMessage
	if err := json.Unmarshal(e.Payload, &payload); err != nil {
		return notJSON + err.Error()
	}
	return ""
}

// Settle says how the delivery of e stands after a try that ended now; it is given up with the most-th failure, and at once if it
// can never be sent.
func Settle(e Event, a Answer, most int, now time.Time) End {
	end := End{ID: e.ID, Status: Delivered, Tries: e.Tries, At: now}
	if a.Delivered {
		return end
	}
	end.Tries++
	end.Reason = a.Reason
	if end.Tries >= most || a.Never {
		end.Status = Dead
		return end
	}
	end.Status = Pending
	end.At = now.Add(max(Wait(end.Tries, e.ID), min(a.After, longest)))
	return end
}

// Lost ends the delivery of an event whose row is gone.
func Lost(e Event, now time.Time) End {
	return End{ID: e.ID, Status: Dead, Tries: e.Tries, At: now, Reason: "the event's row is gone"}
}

// Together splits claimed events into those that are sent as one message, in the order of sending. Events of a type that joined
// reports are sent with those of other subjects that are of the same type, as far as each subject's events stay in order.
func Together(events []Event, joined func(kind string) bool) [][]Event {
	var subjects []string
	bySubject := map[string][]Event{}
	for _, e := range events {
		if bySubject[e.Subject] == nil {
			subjects = append(subjects, e.Subject)
		}
		bySubject[e.Subject] = append(bySubject[e.Subject], e)
	}
	var messages [][]Event
	for i := range subjects {
		for len(bySubject[subjects[i]]) > 0 {
			head := bySubject[subjects[i]][0]
			if !joined(head.Type) {
				messages = append(messages, []Event{head})
				bySubject[subjects[i]] = bySubject[subjects[i]][1:]
				continue
			}
			var message []Event
			for _, subject := range subjects[i:] {
				queue := bySubject[subject]
				n := 0
				for n < len(queue) && queue[n].Type == head.Type {
					n++
				}
				message = append(message, queue[:n]...)
				bySubject[subject] = queue[n:]
			}
			messages = append(messages, message)
		}
	}
	return messages
}

// idLength is how many hex digits an id has: 128 bits.
const idLength = 32

// MessageID is what a receiver tells events apart by: the same for every try, and for every time that an event of
// this business identity is written, also after a restore in which row ids came back. It has no dots, as the
// signature's rules want it.
func (e Event) MessageID() string {
	identity := "dedupe\n" + e.Dedupe
	if e.Dedupe == "" {
		identity = fmt.Sprintf("row\n%d\n%s\n%s\n%d", e.ID, e.Type, e.Subject, e.CreatedAt.UnixMicro())
	}
	sum := sha256.Sum256([]byte(identity))
	return "evt_" + hex.EncodeToString(sum[:])[:idLength]
}
