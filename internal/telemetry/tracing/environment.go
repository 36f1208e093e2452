package tracing

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

// The standard variables that are read here; the exporter and the SDK read the others.
const (
	disabledVariable      = "OTEL_SDK_DISABLED"
	exporterVariable      = "OTEL_TRACES_EXPORTER"
	endpointVariable      = "OTEL_EXPORTER_OTLP_ENDPOINT"
	traceEndpointVariable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	headersVariable       = "OTEL_EXPORTER_OTLP_HEADERS"
	traceHeadersVariable  = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"

	// tracesPath is where a collector takes traces, if the address has no path of its own.
	tracesPath = "/v1/traces"
)

// Endpoint returns where traces go: to the configured address, or else to that of the standard variables in env. Empty: nowhere,
// since there is neither, or since the variables turn tracing off.
func Endpoint(configured string, env []string) string {
	if strings.EqualFold(variable(env, disabledVariable), "true") || variable(env, exporterVariable) == "none" {
		return ""
	}
	if configured != "" {
		return withPath(configured, func(p string) string {
			if p == "" || p == "/" {
				return tracesPath
			}
			return p
		})
	}
	if whole := variable(env, traceEndpointVariable); whole != "" {
		return whole
	}
	if base := variable(env, endpointVariable); base != "" {
		return withPath(base, func(p string) string { return path.Join("/", p, tracesPath) })
	}
	return ""
}

// withPath is address with another path; as it is if it cannot be read, of which [OTLP] complains.
func withPath(address string, of func(string) string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Path = of(u.Path)
	return u.String()
}

// headersOf reads name=value pairs that are separated by commas; values may be escaped as in addresses. The exporter would skip
// pairs that it cannot read, and send spans without a vendor's key.
func headersOf(env []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, name := range []string{headersVariable, traceHeadersVariable} {
		text := variable(env, name)
		if name == traceHeadersVariable && text != "" {
			clear(headers)
		}
		for pair := range strings.SplitSeq(text, ",") {
			if strings.TrimSpace(pair) == "" {
				continue
			}
			key, escaped, found := strings.Cut(pair, "=")
			value, err := url.PathUnescape(escaped)
			if key = strings.TrimSpace(key); !found || key == "" || err != nil {
				return nil, errors.New(name + " is not made of name=value pairs")
			}
			headers[key] = strings.TrimSpace(value)
		}
	}
	return headers, nil
}

// variable is the value of a variable of env; the last one counts.
func variable(env []string, name string) string {
	value := ""
	for _, v := range env {
		if text, ok := strings.CutPrefix(v, name+"="); ok {
			value = strings.TrimSpace(text)
		}
	}
	return value
}
