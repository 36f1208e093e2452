package exchange

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// reason says in a few words why there is no answer. The error itself may hold addresses and ports that
// differ from one request to the next, so that equal failures could not be counted together.
func (c *Client) reason(ctx context.Context, until time.Time, err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		authority   x509.UnknownAuthorityError
		network     *net.OpError
		invalid     x509.CertificateInvalidError
		host        x509.HostnameError
	)
	switch {
	case calledOff(ctx):
		return "called off"
	case ended(ctx, until) != nil:
		return fmt.Sprintf("timed out after %s", c.config.Timeout)
	case errors.As(err, &dns) && dns.IsNotFound:
		return "host not found"
	case errors.As(err, &dns):
		return "the look-up of the host's name failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate expired or not yet valid"
	case errors.As(err, &host):
		return "certificate of another host"
	case errors.As(err, &authority):
		return "certificate not trusted" + signedBy(authority.Cert)
	case errors.As(err, &certificate), errors.As(err, &invalid):
		return "certificate not trusted"
	case errors.As(err, &record), errors.As(err, &alert):
		return "TLS handshake failed"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed before the answer was whole"
	case errors.As(err, &network) && network.Op == "dial" && network.Timeout():
		return fmt.Sprintf("timed out connecting after %s", c.config.ConnectTimeout)
	case errors.As(err, &network) && network.Op == "dial":
		return "cannot connect"
	case errors.Is(err, ErrTooLong):
		return ErrTooLong.Error()
	}
	return "broken exchange: " + err.Error()
}

// signedBy names the authority that a certificate asks to be trusted by, as it calls itself.
func signedBy(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	name := cmp.Or(c.Issuer.CommonName, strings.Join(c.Issuer.Organization, ", "))
	if name == "" {
		return ""
	}
	return fmt.Sprintf(": no authority %q on this host", name)
}
