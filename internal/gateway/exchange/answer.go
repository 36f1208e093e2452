package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// Missing says that a field of the contract is not there, or null.
func Missing(field string) string { return fmt.Sprintf("field %q is missing", field) }

// Malformed says in a few words why a body is no document of the contract. It names the field and never its value, which may be one
// customer's, so that equal mistakes of a service can be counted together.
func Malformed(body []byte, err error) string {
	var (
		wrong *json.UnmarshalTypeError
		at    *time.ParseError
	)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "it is empty"
	case errors.As(err, &wrong):
		return wrongType(wrong)
	case errors.As(err, &at):
		return `field "created_at" is no RFC 3339 time`
	case strings.Contains(err.Error(), "unexpected end of JSON input"):
		return "its JSON is cut off"
	}
	return "it is not JSON"
}

func wrongType(e *json.UnmarshalTypeError) string {
	got, number, _ := strings.Cut(e.Value, " ")
	if e.Field == "" {
		return fmt.Sprintf("it is a JSON %s, not an object", got)
	}
	if e.Type.Kind() == reflect.Int64 {
		if got != "number" {
			return fmt.Sprintf("field %q is a JSON %s, not an integer", e.Field, got)
		}
		if strings.ContainsAny(number, ".eE") {
			return fmt.Sprintf("field %q is not an integer", e.Field)
		}
		return fmt.Sprintf("field %q is out of range", e.Field)
	}
	want := "a string"
	switch e.Type.Kind() { //nolint:exhaustive // the contract has no others
	case reflect.Struct:
		want = "an object"
	case reflect.Slice:
		want = "a list"
	}
	return fmt.Sprintf("field %q is a JSON %s, not %s", e.Field, got, want)
}

var plainWord = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// UnknownStatus names the status of a payment where it is a word such as the contract has.
func UnknownStatus(status string, clean Cleaner) string {
	switch {
	case status == "":
		return Missing("status")
	case plainWord.MatchString(status) && clean.Text(status) == status:
		return fmt.Sprintf(`field "status" is %q, which the contract does not have`, status)
	}
	return `field "status" is none that the contract has`
}

// Unreadable is the reason of an answer whose body is no payment; why says what is wrong with it.
func (a Answer) Unreadable(why string) string {
	return Cut(strconv.Itoa(a.Status) + " with a body that cannot be read: " + why)
}

// markup are what pages begin with, or have near their beginning.
var markup = [][]byte{[]byte("<!doctype html"), []byte("<html"), []byte("<head"), []byte("<title"), []byte("<body")} //nolint:gochecknoglobals // a constant list

// sniffed is how much of a body is looked at for them.
const sniffed = 1024

// IsPage reports whether the answer is a web page: a maintenance page, or the word of a proxy that stands before the service. A JSON
// document is none, whatever its media type says.
func (a Answer) IsPage() bool {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.Body, []byte("\ufeff")))
	if len(body) == 0 || body[0] != '<' {
		return false
	}
	if strings.Contains(strings.ToLower(a.Header.Get("Content-Type")), "html") {
		return true
	}
	body = bytes.ToLower(body[:min(len(body), sniffed)])
	for _, tag := range markup {
		if bytes.Contains(body, tag) {
			return true
		}
	}
	return false
}

// Page is the reason of an answer that is a web page. Its words are not repeated: they may name anybody, and differ from one request
// to the next.
func (a Answer) Page() string { return strconv.Itoa(a.Status) + " with an HTML page" }

// Unanswered is the outcome of a request that did not leave, or to which there is no whole answer; ok is
// false if there is one.
func (a Answer) Unanswered() (o payment.Outcome, ok bool) {
	switch {
	case a.Refused != nil:
		return payment.Outcome{Kind: payment.NotExecuted, Reason: a.Refused.Error()}, true
	case a.Err == nil:
		return payment.Outcome{}, false
	}
	o = payment.Outcome{Kind: payment.NotExecuted, Reason: a.Why}
	if a.Left {
		o.Kind = payment.InDoubt
	}
	o.Failure = !a.CalledOff && !errors.Is(a.Err, ErrTooLong)
	return o, true
}
