package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// userLimit explains that an account has reached a limit of its own. Servers answer with one code for limits of an hour and for the one of
// connections at once; their message, whatever its language, names which.
func userLimit(message string) string {
	switch {
	case strings.Contains(message, "max_user_connections"):
		return "the database user has no free connection (MAX_USER_CONNECTIONS of its account)"
	case strings.Contains(message, "_per_hour"), strings.Contains(message, "max_questions"), strings.Contains(message, "max_updates"):
		return "the database user has reached an hourly limit of its account"
	}
	return "the database user has reached a limit of its account"
}

// hint explains a database error in one line and says what fixes it. It is empty where the server's own message is enough.
func hint(err error) string {
	key := loginOf(err).keyOrDefault()
	switch number(err) {
	case codeTooMany:
		return "the server has no free connection (max_connections)"
	case codeTooManyOfUser:
		return "the database user has no free connection (max_user_connections)"
	case codeUserLimit:
		return userLimit(messageOf(err))
	case 1130:
		return "the server does not accept connections from this host"
	case codeAccessDenied, 1698:
		// MariaDB answers so too if it requires TLS.
		return "wrong user or password in " + key + ", or the server requires TLS (add tls=true)"
	case codeSchemaDenied, codeTableDenied, codeColumnDenied:
		return loginOf(err).rightsOrDefault()
	case 1820, 1862:
		return "the password of the database user has expired; set a new one with ALTER USER and put it into " + key
	case 3118, 4151:
		return "the database user is locked; unlock it with ALTER USER … ACCOUNT UNLOCK"
	case 3159:
		return "the server requires TLS; add tls=true to " + key
	case 9001:
		return "the database proxy has no backend"
	}
	switch {
	case isReadOnly(err):
		return "the server is read-only (a replica or a demoted primary); point " + key + " at the primary"
	case refusesPlainText(err):
		return "the server requires TLS; add tls=true to " + key
	case errors.Is(err, mysqldriver.ErrNoTLS):
		return key + " asks for TLS and the server does not support it"
	case isTLS(err):
		return "the TLS handshake failed; fix the tls parameter of " + key + " or the server's certificate"
	}
	return ""
}

// isReadOnly reports whether the server refuses writes. Error 1290 names an option, which may be another one.
func isReadOnly(err error) bool {
	switch number(err) {
	case codeReadOnlyMode:
		return true
	case codeReadOnlyOption:
		return strings.Contains(strings.ReplaceAll(messageOf(err), "_", "-"), "read-only")
	}
	return false
}

// refusesPlainText reports whether the server requires TLS. It goes by the message: MariaDB's error number means
// something else on MySQL.
func refusesPlainText(err error) bool {
	return strings.Contains(messageOf(err), "insecure transport")
}

// isTLS reports whether client and server do not agree on TLS, which only a change of configuration or certificate fixes.
func isTLS(err error) bool {
	if errors.Is(err, mysqldriver.ErrNoTLS) || refusesPlainText(err) {
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
