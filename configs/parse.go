package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"roomcast/secret"
)

// fault is what is wrong with one value, before it is known where it stood.
type fault struct{ problem, want string }

func (f *fault) Error() string { return f.problem }

// StrongAdminKey is the number of characters below which a configured admin key
// is taken with a warning.
const StrongAdminKey = 16

// set writes one value, or for a list all of its values, into the key's field.
func (k Key) set(field reflect.Value, values []string) error {
	switch p := field.Addr().Interface().(type) {
	case *[]netip.Prefix:
		return setList(p, values, parsePrefix)
	case *[]netip.Addr:
		return setList(p, values, parseIP)
	case *[]string:
		return setList(p, values, parseDomain)
	}
	if len(values) != 1 {
		return &fault{"is a list", "give one value"}
	}
	return k.setOne(field, values[0])
}

func (k Key) setOne(field reflect.Value, value string) error {
	switch p := field.Addr().Interface().(type) {
	case *secret.Text:
		if value == "" || strings.ContainsFunc(value, unprintable) {
			return &fault{"is empty or not printable", fmt.Sprintf("give %d or more printable ASCII characters without spaces", StrongAdminKey)}
		}
		*p = secret.New(value)
	case *Address:
		if err := checkAddress(value, k.Path == "http.address" || k.Path == "rtsp.udp_address"); err != nil {
			return err
		}
		*p = Address(value)
	case *bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return &fault{"is neither true nor false", "write true or false"}
		}
		*p = b
	case **int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return &fault{"is not a limit", "write a whole number from 0 up, or null for no limit"}
		}
		*p = &n
	case *string:
		return k.setText(p, value)
	default:
		return fmt.Errorf("key %s: no parser for %s", k.Path, field.Type())
	}
	return nil
}

func (k Key) setText(p *string, value string) error {
	switch {
	case value == "" && (k.kind == "path" || k.kind == "url"):
		*p = ""
	case k.kind == "path":
		if strings.ContainsRune(value, 0) {
			return &fault{"is not a path", "write the path of a file or directory"}
		}
		*p = value
	case k.kind == "url":
		u, err := parseURL(value, k.Path == "public_url")
		if err != nil {
			return err
		}
		*p = u
	default:
		choices := strings.Split(k.kind, "|")
		if !slices.Contains(choices, value) {
			return &fault{"is not known", "write one of " + strings.Join(choices, ", ")}
		}
		*p = value
	}
	return nil
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// setList parses every value before it writes any.
func setList[T any](p *[]T, values []string, parse func(string) (T, error)) error {
	list := make([]T, 0, len(values))
	var errs []error
	for _, v := range values {
		item, err := parse(v)
		if err != nil {
			errs = append(errs, &elementFault{given: v, err: err})
			continue
		}
		list = append(list, item)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if len(list) == 0 {
		list = nil
	}
	*p = list
	return nil
}

// elementFault is what is wrong with one value of a list.
type elementFault struct {
	given string
	err   error
}

func (e *elementFault) Error() string { return e.err.Error() }
func (e *elementFault) Unwrap() error { return e.err }

func checkAddress(value string, auto bool) error {
	if value == Off || (auto && value == Auto) {
		return nil
	}
	want := "write host:port with an IP address as host, :port for every interface, or off"
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return &fault{"is not an address to listen on", want}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return &fault{"has no port number from 0 to 65535", want}
	}
	if host == "" || host == "localhost" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return &fault{"has no IP address before the port", want}
	}
	return nil
}

func parsePrefix(value string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(value)
	if err != nil {
		return netip.Prefix{}, &fault{"is not a network", "write CIDR, such as 10.0.0.0/8 or 192.0.2.7/32"}
	}
	return p.Masked(), nil
}

func parseIP(value string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(value)
	if err != nil || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
		return netip.Addr{}, &fault{"is not an IP address of a machine", "write one such as 203.0.113.5 or 2001:db8::5"}
	}
	return ip.Unmap(), nil
}

// domainLabel is one label of a host name (RFC 1123 section 2.1).
var domainLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func parseDomain(value string) (string, error) {
	bad := &fault{"is not a domain name", "write one such as rooms.example.com, in its ASCII form"}
	name := strings.ToLower(value)
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 {
		return "", bad
	}
	for label := range strings.SplitSeq(name, ".") {
		if !domainLabel.MatchString(label) {
			return "", bad
		}
	}
	return name, nil
}

// parseURL reads an http or https URL without credentials, query and fragment;
// with originOnly without a path too, and gives it without a closing slash.
func parseURL(value string, originOnly bool) (string, error) {
	want := "write one such as https://acme.example.com/directory"
	if originOnly {
		want = "write scheme and host alone, such as https://rooms.example.com"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return "", &fault{"is not an http or https URL", want}
	case u.User != nil:
		return "", &fault{"holds credentials", want}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", &fault{"has a query or a fragment", want}
	case originOnly && u.Path != "" && u.Path != "/":
		return "", &fault{"has a path", want}
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", &fault{"has no port number from 0 to 65535", want}
		}
	}
	if originOnly {
		return u.Scheme + "://" + strings.ToLower(u.Host), nil
	}
	return u.String(), nil
}
