package main

import (
	"net"
	"slices"
	"strings"
	"testing"

	"litefront/host/web"
)

func TestAddresses(t *testing.T) {
	var interfaces []net.Addr
	for _, cidr := range []string{
		"127.0.0.1/8", "::1/128", "fe80::1/64", "fd00::7/64", "192.168.1.7/24", "169.254.3.4/16", "2001:db8::7/64", "10.0.0.7/8", "172.17.0.1/16",
	} {
		ip, network, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		interfaces = append(interfaces, &net.IPNet{IP: ip, Mask: network.Mask})
	}
	for listen, want := range map[string][]string{
		"127.0.0.1:8080":   {"http://localhost:8080/"},
		"[::1]:8080":       {"http://[::1]:8080/"},
		"127.0.0.2:8080":   {"http://127.0.0.2:8080/"},
		"192.168.1.7:8080": {"http://192.168.1.7:8080/"},
		"0.0.0.0:80":       {"http://localhost:80/", "http://192.168.1.7:80/", "http://10.0.0.7:80/", "http://172.17.0.1:80/"},
		"[::]:80":          {"http://localhost:80/", "http://192.168.1.7:80/", "http://10.0.0.7:80/", "http://172.17.0.1:80/", "http://[fd00::7]:80/"},
	} {
		a, err := net.ResolveTCPAddr("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := addresses(a, interfaces); !slices.Equal(got, want) {
			t.Errorf("addresses(%s) = %q; want %q", listen, got, want)
		}
		if got := addresses(a, nil); !slices.Equal(got, want[:1]) {
			t.Errorf("with no interface addresses(%s) = %q; want %q", listen, got, want[:1])
		}
	}
}

// What cannot be served is said in one line.
func TestServeRefuses(t *testing.T) {
	s := newSandbox(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	want := map[string]string{
		"--listen=" + taken.Addr().String(): taken.Addr().String(),
		"--listen=nonsense":                 "nonsense",
		"more":                              "more",
	}
	if _, err := web.Dist(); err != nil {
		want = map[string]string{"--listen=127.0.0.1:0": "make build"}
	}
	for arg, mention := range want {
		stdout, stderr, code := s.run("serve", arg)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "litefront: ") || !strings.Contains(stderr, mention) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("serve %s exited with %d, stdout %q, stderr %q; want one line about %q", arg, code, stdout, stderr, mention)
		}
	}
}
