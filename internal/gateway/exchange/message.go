package exchange

import (
	"bytes"
	"io"
	"maps"
	"net/http"
)

// message is an HTTP request with what it is made of. [Client.Send] gives one back after its exchange, to be used again. Nobody else holds it: the
// transport has encoded it before it waits for the answer, in the same goroutine. One that a wrapper has seen, which may keep it, is not given back.
type message struct {
	http.Request

	own    [owned]string // values of headers that are this request's alone
	bytes  bytes.Reader
	reader io.ReadCloser // of bytes
}

// The values of headers that all requests have alike. Nothing may change them.
var accept, agent = []string{"application/json"}, []string{"duly"} //nolint:gochecknoglobals // constant lists

// message makes the request that r describes, without a context. bare is the request without headers and body.
func (c *Client) message(bare *http.Request, r Request) *message {
	m, ok := c.messages.Get().(*message)
	if !ok {
		m = &message{}
		m.Header, m.reader = make(http.Header), io.NopCloser(&m.bytes)
	}
	header := m.Header
	m.Request = *bare
	m.Header = header
	maps.Copy(header, r.Header)
	for i, own := range r.Own {
		if own.Name != "" {
			m.own[i] = own.Value
			header[own.Name] = m.own[i : i+1 : i+1]
		}
	}
	header["Accept"], header["User-Agent"] = accept, agent
	if len(r.Body) > 0 {
		// Without GetBody no wrapper can send the body again.
		m.bytes.Reset(r.Body)
		m.Body, m.ContentLength = m.reader, int64(len(r.Body))
	}
	return m
}

// done gives m back, which forgets the request.
func (c *Client) done(m *message) {
	clear(m.Header)
	m.Request = http.Request{Header: m.Header}
	m.own = [owned]string{}
	m.bytes.Reset(nil)
	c.messages.Put(m)
}
