package main

import (
	"net"
	"strings"
	"testing"

	"litefront/host/web"
)

func TestAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080":   "http://localhost:8080/",
		"0.0.0.0:80":       "http://localhost:80/",
		"[::]:80":          "http://localhost:80/",
		"[::1]:8080":       "http://[::1]:8080/",
		"127.0.0.2:8080":   "http://127.0.0.2:8080/",
		"192.168.1.7:8080": "http://192.168.1.7:8080/",
	} {
		a, err := net.ResolveTCPAddr("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(a); got != want {
			t.Errorf("address(%s) = %s; want %s", listen, got, want)
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
