package lan

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// interfaces are addresses with the length of their network.
func interfaces(t testing.TB, cidrs ...string) (all []net.Addr) {
	t.Helper()
	for _, cidr := range cidrs {
		ip, network, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
	}
	return all
}

func address(t testing.TB, text string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// laptop is a machine on a wireless network, with a virtual one beside it.
func laptop(t testing.TB) Host {
	t.Helper()
	return host("Laptop", interfaces(t, "127.0.0.1/8", "::1/128", "fd00::7/64", "172.17.0.1/16", "192.168.1.7/24"),
		netip.IPv6Unspecified(), address(t, "192.168.1.7"))
}

func TestHost(t *testing.T) {
	all := interfaces(t, "127.0.0.1/8", "::1/128", "fe80::1/64", "fd00::7/64", "172.17.0.1/16", "169.254.3.4/16",
		"2001:db8::7/64", "203.0.113.7/24", "10.0.0.7/8", "192.168.1.7/24")
	for _, tt := range []struct {
		interfaces         []net.Addr
		listening, outward string
		want               string
	}{
		{all, "::", "192.168.1.7", "box.local, box, localhost, 192.168.1.7, 172.17.0.1, 10.0.0.7, fd00::7, 127.0.0.1, ::1"},
		{all, "0.0.0.0", "203.0.113.7", "box.local, box, localhost, 172.17.0.1, 10.0.0.7, 192.168.1.7, fd00::7, 127.0.0.1, ::1"},
		{all, "10.0.0.7", "", "box.local, box, localhost, 10.0.0.7, 172.17.0.1, 192.168.1.7, fd00::7, 127.0.0.1, ::1"},
		{nil, "203.0.113.7", "", "box.local, box, localhost, 203.0.113.7, 127.0.0.1, ::1"},
		{nil, "127.0.0.1", "", "box.local, box, localhost, 127.0.0.1, ::1"},
		{nil, "::ffff:10.0.0.7", "", "box.local, box, localhost, 10.0.0.7, 127.0.0.1, ::1"},
		{nil, "::", "", "box.local, box, localhost, 127.0.0.1, ::1"},
	} {
		var outward netip.Addr
		if tt.outward != "" {
			outward = address(t, tt.outward)
		}
		if got := host("box", tt.interfaces, address(t, tt.listening), outward).String(); got != tt.want {
			t.Errorf("listening on %s: %s; want %s", tt.listening, got, tt.want)
		}
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, want := range map[string]string{
		"Laptop":                "laptop.local laptop localhost",
		"laptop.local":          "laptop.local localhost",
		"laptop.example.com.":   "laptop.local laptop.example.com localhost",
		"3f2a":                  "3f2a.local 3f2a localhost",
		long:                    long + ".local " + long + " localhost",
		"localhost":             "localhost",
		"localhost.localdomain": "localhost",
		"local":                 "localhost", // would be a name for all of .local
		"":                      "localhost",
		"1234":                  "localhost", // an address, to browsers
		"0xab":                  "localhost",
		"box.12":                "localhost",
		"my_box":                "localhost",
		"büro":                  "localhost",
		"-a":                    "localhost",
		"a-":                    "localhost",
		"a..b":                  "localhost",
		"*.com":                 "localhost",
		"a b":                   "localhost",
		long + "a":              "localhost",
	} {
		if got := strings.Join(names(name), " "); got != want {
			t.Errorf("names(%q) = %s; want %s", name, got, want)
		}
	}
}

func TestHas(t *testing.T) {
	h := laptop(t)
	for name, want := range map[string]bool{
		"laptop": true, "LAPTOP.local": true, "localhost": true, "192.168.1.7": true, "fd00::7": true, "127.0.0.1": true, "::1": true,
		"::ffff:192.168.1.7": true,
		"":                   false, "evil.example": false, "a.laptop": false, "laptop.": false, "laptop.local.evil.example": false, "192.168.1.8": false,
		"192.168.1.7.nip.io": false, "127.0.0.2": false, "fd00::7%eth0": false, "0.0.0.0": false, "::": false,
	} {
		if got := h.Has(name); got != want {
			t.Errorf("Has(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestReached(t *testing.T) {
	h := laptop(t)
	for listening, want := range map[string][]string{
		"::":          {"192.168.1.7", "172.17.0.1", "fd00::7", "laptop.local", "laptop", "localhost"},
		"0.0.0.0":     {"192.168.1.7", "172.17.0.1", "laptop.local", "laptop", "localhost"},
		"192.168.1.7": {"192.168.1.7", "laptop.local", "laptop"},
		"127.0.0.1":   {"localhost"},
		"::1":         {"localhost"},
		"127.0.0.2":   nil, // not what it was told to listen on
		"192.168.1.8": {"laptop.local", "laptop"},
	} {
		if got := h.Reached(address(t, listening)); !slices.Equal(got, want) {
			t.Errorf("Reached(%s) = %q; want %q", listening, got, want)
		}
	}
	other := address(t, "127.0.0.2")
	if got := host("box", nil, other, netip.Addr{}).Reached(other); !slices.Equal(got, []string{"127.0.0.2"}) {
		t.Errorf("Reached(%s) = %q", other, got)
	}
	many := host("box", interfaces(t, "10.0.0.1/8", "10.0.0.2/8", "10.0.0.3/8", "10.0.0.4/8", "10.0.0.5/8"), netip.IPv6Unspecified(), netip.Addr{})
	if got := many.Reached(netip.IPv6Unspecified()); len(got) != mostAddresses+3 {
		t.Errorf("with five addresses Reached lists %q", got)
	}
}

// Whatever this machine is, it has a name and the addresses of loopback.
func TestHere(t *testing.T) {
	h := Here(netip.IPv6Unspecified())
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if !h.Has(name) {
			t.Errorf("%v lacks %s", h, name)
		}
	}
	if p := h.Private(); slices.ContainsFunc(p, func(a netip.Addr) bool { return !a.IsPrivate() }) {
		t.Errorf("not all of %v are private", p)
	}
}
