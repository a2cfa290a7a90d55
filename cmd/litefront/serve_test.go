package main

import (
	"net"
	"net/http/httptest"
	"path/filepath"
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
	// A fleet that cannot start leaves nothing behind.
	for arg, mention := range map[string]string{
		"--listen=" + taken.Addr().String(): taken.Addr().String(),
		"--objective=beauty,flops":          "beauty",
	} {
		_, stderr, code := s.run("fleet", "--space", "tiny.toml", "--store", "new.db", "--listen=127.0.0.1:0", arg)
		left, err := filepath.Glob(s.path("new.db*"))
		if code != 1 || !strings.Contains(stderr, mention) || strings.Count(stderr, "\n") != 1 || len(left) != 0 || err != nil {
			t.Errorf("fleet %s exited with %d and left %q (%v): %s; want one line about %q", arg, code, left, err, stderr, mention)
		}
	}
}

// A fleet whose program was built without the page says so, and a browser that comes
// hears it too.
func TestPageOrNone(t *testing.T) {
	var said strings.Builder
	answer := httptest.NewRecorder()
	pageOrNone(&said).ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	if _, err := web.Dist(); err == nil {
		if said.Len() != 0 || answer.Code != 200 {
			t.Errorf("with the page it says %q and answers %d", &said, answer.Code)
		}
	} else if !strings.Contains(said.String(), "make build") || answer.Code != 404 || !strings.Contains(answer.Body.String(), "make build") {
		t.Errorf("without the page it says %q and answers %d, %s", &said, answer.Code, answer.Body)
	}
}
