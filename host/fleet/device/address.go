package device

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Address is where a host is, and what an invitation says besides.
type Address struct {
	Scheme string // "http" or "https"
	Host   string // name or address, and port
	// Token is what the device enrols with; empty if the host knows the device.
	Token string
	// CA is the SHA-256 of the certificate of the host's authority, as 64 hexadecimal
	// digits; empty if the address tells none.
	CA string
}

const (
	mostAddress = 2000 // bytes of a URL
	mostToken   = 200  // bytes of a token
)

// ParseAddress reads the URL of a jobs.Invitation, or the same without its fragment.
// No error holds the token.
func ParseAddress(text string) (Address, error) {
	fail := func(format string, args ...any) (Address, error) {
		return Address{}, fmt.Errorf("join: "+format, args...)
	}
	if len(text) > mostAddress {
		return fail("a URL of %d bytes; at most %d are allowed", len(text), mostAddress)
	}
	u, err := url.Parse(text)
	if err != nil {
		var whole *url.Error // its text has all of the URL
		if errors.As(err, &whole) {
			err = whole.Err
		}
		return fail("not a URL such as https://host:8443/#join=TOKEN: %.200s", err)
	}
	a := Address{Scheme: u.Scheme}
	ports := map[string]string{"http": "80", "https": "443"}
	switch {
	case ports[u.Scheme] == "":
		return fail("scheme %.40q must be http or https, as in https://host:8443/#join=TOKEN", u.Scheme)
	case u.User != nil:
		return fail("a user or password in the URL is for nothing")
	case u.Path != "" && u.Path != "/":
		return fail("path %.80q must be /", u.Path)
	case u.RawQuery != "" || u.ForceQuery:
		return fail("the URL must have no query; what follows # belongs there")
	}
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = ports[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strings.HasSuffix(u.Host, ":") {
		return fail("port %.20q must be a number from 1 to 65535", port)
	}
	if !isHost(name) {
		return fail("host %.80q must be a name or an address", name)
	}
	a.Host = net.JoinHostPort(name, port)
	if err := a.parseFragment(u.EscapedFragment()); err != nil {
		return Address{}, err
	}
	return a, nil
}

// parseFragment reads join=TOKEN and ca=SHA256.
func (a *Address) parseFragment(text string) error {
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "join" && a.Token != "", key == "ca" && a.CA != "":
			return fmt.Errorf("join: %s is in the URL twice", key)
		case key == "join":
			if !isToken(value) {
				return fmt.Errorf("join: the token must be 1 to %d letters, digits, - or _; is the URL whole?", mostToken)
			}
			a.Token = value
		case key == "ca":
			sum, err := hex.DecodeString(strings.ReplaceAll(value, ":", ""))
			if err != nil || len(sum) != 32 {
				return fmt.Errorf("join: ca %.100q must be a SHA-256 in 64 hexadecimal digits", value)
			}
			if a.Scheme != "https" {
				return errors.New("join: ca is for https, and the URL says http")
			}
			a.CA = hex.EncodeToString(sum)
		default:
			return errors.New("join: after # only join=TOKEN and ca=SHA256 are allowed, with & between")
		}
	}
	return nil
}

func isHost(name string) bool {
	if address, err := netip.ParseAddr(name); err == nil {
		name = cmp.Or(address.Zone(), "none")
	}
	return name != "" && len(name) <= 253 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

func isToken(text string) bool {
	return text != "" && len(text) <= mostToken && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// url is the URL of a path at the host.
func (a Address) url(path string) string { return a.Scheme + "://" + a.Host + path }

// queue is where NATS is reached.
func (a Address) queue() string {
	if a.Scheme == "https" {
		return "wss://" + a.Host
	}
	return "ws://" + a.Host
}

// open reports whether what is sent to a can be read and changed on its way.
func (a Address) open() bool {
	name, _, _ := net.SplitHostPort(a.Host)
	address, err := netip.ParseAddr(name)
	return a.Scheme == "http" && name != "localhost" && (err != nil || !address.IsLoopback())
}

// file is the name of the file that is about the host.
func (a Address) file() string {
	name, port, _ := net.SplitHostPort(a.Host)
	return strings.NewReplacer(":", "_", "%", "_").Replace(name) + "-" + port + ".json"
}
