// Package lan serves the page to a local network by HTTPS: what this machine is
// called there, a certificate authority for these names alone, and the page that
// tells how devices come to trust it.
package lan

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Host is this machine as it is called on its local network. Whatever a request
// or a certificate names has to be in it.
type Host struct {
	Names     []string     // in lower case, localhost last
	Addresses []netip.Addr // IPv4 first, those of loopback last
}

var loopback = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// Here is this machine with its addresses on private networks, and with the one
// that it was told to listen on, if that is one. Public addresses are left out:
// those of IPv6 change from day to day, and behind them is no local network.
func Here(listening netip.Addr) Host {
	name, err := os.Hostname()
	if err != nil {
		name = "" // unknown: its addresses are left
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		interfaces = nil // unknown: its names are left
	}
	return host(name, interfaces, listening, outward())
}

func host(name string, interfaces []net.Addr, listening, outward netip.Addr) Host {
	var own []netip.Addr
	if listening.IsValid() && !listening.IsUnspecified() {
		own = append(own, listening.Unmap().WithZone(""))
	}
	for _, i := range interfaces {
		prefix, err := netip.ParsePrefix(i.String())
		if a := prefix.Addr(); err == nil && a.IsPrivate() {
			own = append(own, a)
		}
	}
	// Of several networks the one with the way out is most likely the one that
	// phones are on; the others are often of virtual machines.
	rank := func(a netip.Addr) int {
		switch {
		case a.IsLoopback():
			return 3
		case a == outward:
			return 0
		case a.Is4():
			return 1
		}
		return 2
	}
	own = append(own, loopback...)
	slices.SortStableFunc(own, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	h := Host{Names: names(name)}
	for _, a := range own {
		if !slices.Contains(h.Addresses, a) {
			h.Addresses = append(h.Addresses, a)
		}
	}
	return h
}

// outward is the address by which this machine reaches other networks, invalid if
// it reaches none. Nothing is sent: a datagram's socket only looks up the route.
func outward() netip.Addr {
	c, err := net.Dial("udp4", "192.0.2.1:9") // an address for documentation (RFC 5737)
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr()
}

// names are what a machine of this name is called: by multicast DNS, which most
// phones know, by its own name, and localhost. A name that is none in DNS, or one
// that stands for something else, is left out.
func names(name string) (all []string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	label, _, _ := strings.Cut(name, ".")
	if valid(name) && label != "localhost" && label != "local" {
		all = append(all, label+".local")
		if name != all[0] {
			all = append(all, name)
		}
	}
	return append(all, "localhost")
}

// valid reports whether name, in lower case, is a host's name by RFC 1123 that no
// browser takes for a number.
func valid(name string) bool {
	label := ""
	for label = range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(name) < 200 && strings.Trim(label, "0123456789") != "" && !strings.HasPrefix(label, "0x")
}

// find is how h itself spells a name or an address, without port and brackets.
func (h Host) find(name string) (own string, ok bool) {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap().String(), slices.Contains(h.Addresses, a.Unmap())
	}
	name = strings.ToLower(name)
	return name, slices.Contains(h.Names, name)
}

// Has reports whether h is called name, which has no port and no brackets.
func (h Host) Has(name string) bool {
	_, ok := h.find(name)
	return ok
}

// Private are the addresses by which other devices reach h.
func (h Host) Private() []netip.Addr {
	return slices.DeleteFunc(slices.Clone(h.Addresses), netip.Addr.IsLoopback)
}

// mostAddresses bounds how many addresses of this machine are told: virtual networks
// have many.
const mostAddresses = 4

// Reached lists by what of h it is reached where it listens on an address, what serves
// other devices best first.
func (h Host) Reached(listening netip.Addr) (hosts []string) {
	switch {
	case slices.Contains(loopback, listening):
		return []string{"localhost"}
	case !listening.IsUnspecified():
		if own, ok := h.find(listening.WithZone("").String()); ok {
			hosts = append(hosts, own)
		}
		if listening.IsLoopback() {
			return hosts
		}
		return append(hosts, slices.DeleteFunc(slices.Clone(h.Names), func(name string) bool { return name == "localhost" })...)
	}
	for _, a := range h.Private() {
		if len(hosts) < mostAddresses && (a.Is4() || listening.Is6()) {
			hosts = append(hosts, a.String())
		}
	}
	return append(hosts, h.Names...)
}

// String lists the names, then the addresses.
func (h Host) String() string {
	all := slices.Clone(h.Names)
	for _, a := range h.Addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}
