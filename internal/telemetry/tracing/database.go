package tracing

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// databaseOf is what spans of the database's work tell of where it is: host:port/schema, or a socket and a schema. MariaDB
// counts as MySQL, whose protocol it is asked by.
func databaseOf(address string) []attribute.KeyValue {
	all := []attribute.KeyValue{semconv.DBSystemNameMySQL}
	at := strings.LastIndexByte(address, '/')
	if at < 0 {
		return all
	}
	server, schema := address[:at], address[at+1:]
	all = append(all, semconv.DBNamespace(schema))
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return append(all, semconv.ServerAddress(server))
	}
	all = append(all, semconv.ServerAddress(host))
	if n, err := strconv.Atoi(port); err == nil {
		all = append(all, semconv.ServerPort(n))
	}
	return all
}

// databaseError is what spans of the database's work tell of an error; nothing of nil.
func databaseError(err error) []attribute.KeyValue {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		number := strconv.Itoa(int(e.Number))
		return []attribute.KeyValue{semconv.DBResponseStatusCode(number), semconv.ErrorTypeKey.String(number)}
	}
	return []attribute.KeyValue{semconv.ErrorTypeOther}
}
