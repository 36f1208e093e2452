package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// plainly says what is wrong, and what puts it right, where the words of the server or of the driver alone do not; empty where
// they do.
func plainly(err error) string {
	switch number(err) {
	case codeTooMany:
		return "the server has no connection left (max_connections)"
	case codeTooManyOfUser:
		return "the user of database.dsn has no connection left (max_user_connections)"
	case codeUserLimit:
		return "the user of database.dsn has used up what it may do in an hour"
	case 1130:
		return "the server takes no connection from this host"
	case codeAccessDenied, 1698:
		// MariaDB says so too where it wants an encrypted connection.
		return "user or password of database.dsn are wrong, or the server takes encrypted connections alone (tls=true)"
	case 1820, 1862:
		return "the password of the user of database.dsn has expired: set a new one (ALTER USER … IDENTIFIED BY …)"
	case 3118, 4151:
		return "the account of the user of database.dsn is locked: ALTER USER … ACCOUNT UNLOCK"
	case 3159:
		return "the server takes encrypted connections alone: add tls=true to database.dsn"
	case 9001:
		return "the proxy has no server to hand on to"
	}
	switch {
	case readOnly(err):
		return "the server is read-only, a replica or a primary that was replaced: lead database.dsn to the primary"
	case insecure(err):
		return "the server takes encrypted connections alone: add tls=true to database.dsn"
	case errors.Is(err, mysqldriver.ErrNoTLS):
		return "database.dsn asks for TLS, which the server does not speak"
	case tlsMistake(err):
		return "TLS failed: correct the tls parameter of database.dsn, or the certificate of the server"
	}
	return ""
}

// readOnly reports whether err says that the server takes no changes. The option that a statement meets may be another one.
func readOnly(err error) bool {
	switch number(err) {
	case codeReadOnlyMode:
		return true
	case codeReadOnlyOption:
		return strings.Contains(strings.ReplaceAll(reasonOf(err), "_", "-"), "read-only")
	}
	return false
}

// insecure reports whether the server refuses a connection because it is not encrypted. MariaDB gives it a number that
// means another thing on MySQL.
func insecure(err error) bool {
	return strings.Contains(reasonOf(err), "insecure transport")
}

// tlsMistake reports whether the two sides do not agree on TLS: nothing but another configuration, or another certificate,
// mends that.
func tlsMistake(err error) bool {
	if errors.Is(err, mysqldriver.ErrNoTLS) || insecure(err) {
		return true
	}
	var (
		unverified *tls.CertificateVerificationError
		alert      tls.AlertError
		record     tls.RecordHeaderError
		authority  x509.UnknownAuthorityError
		host       x509.HostnameError
		invalid    x509.CertificateInvalidError
	)
	return errors.As(err, &unverified) || errors.As(err, &alert) || errors.As(err, &record) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}
