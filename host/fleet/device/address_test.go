package device

import (
	"strings"
	"testing"
)

const sum = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func TestParseAddress(t *testing.T) {
	colons := strings.ToUpper(strings.Join(pairs(sum), ":"))
	for _, tt := range []struct {
		text string
		want Address
		open bool
		file string
	}{
		{"https://host:8443/#join=T_-9&ca=" + sum, Address{"https", "host:8443", "T_-9", sum}, false, "host-8443.json"},
		{"https://host:8443/#ca=" + colons + "&join=T", Address{"https", "host:8443", "T", sum}, false, "host-8443.json"},
		{"http://127.0.0.1:8080/#join=T", Address{"http", "127.0.0.1:8080", "T", ""}, false, "127.0.0.1-8080.json"},
		{"http://localhost:8080", Address{"http", "localhost:8080", "", ""}, false, "localhost-8080.json"},
		{"http://192.168.1.7/", Address{"http", "192.168.1.7:80", "", ""}, true, "192.168.1.7-80.json"},
		{"http://local/", Address{"http", "local:80", "", ""}, true, "local-80.json"},
		{"https://Board.local#", Address{"https", "board.local:443", "", ""}, false, "board.local-443.json"},
		{"https://[fd00::7]:8443/", Address{"https", "[fd00::7]:8443", "", ""}, false, "fd00__7-8443.json"},
		{"http://[::1]:1/", Address{"http", "[::1]:1", "", ""}, false, "__1-1.json"},
	} {
		got, err := ParseAddress(tt.text)
		if err != nil || got != tt.want || got.open() != tt.open || got.file() != tt.file {
			t.Errorf("%s: %+v, open %v, file %q, %v", tt.text, got, got.open(), got.file(), err)
		}
	}
}

func pairs(text string) (list []string) {
	for ; text != ""; text = text[2:] {
		list = append(list, text[:2])
	}
	return list
}

func TestParseAddressRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "scheme"},
		{"host:8443", "scheme"},
		{"ftp://host/#join=SECRET", "http or https"},
		{"wss://host/#join=SECRET", "http or https"},
		{"https:///#join=SECRET", "host"},
		{"https://ho st/#join=SECRET", "not a URL"},
		{"https://host:0/#join=SECRET", "port"},
		{"https://host:/#join=SECRET", "port"},
		{"https://host:65536/#join=SECRET", "port"},
		{"https://host:x/#join=SECRET", "not a URL"},
		{"https://me:SECRET@host/", "user"},
		{"https://host/page#join=SECRET", "path"},
		{"https://host/?join=SECRET", "query"},
		{"https://host/?", "query"},
		{"https://höst/", "host"},
		{"https://host/#join=", "token"},
		{"https://host/#join=SECRET%20", "token"},
		{"https://host/#join=SECRET SECRET", "token"},
		{"https://host/#join=" + strings.Repeat("a", 201), "token"},
		{"https://host/#join=SECRET&join=SECRET", "twice"},
		{"https://host/#ca=" + sum + "&ca=" + sum, "twice"},
		{"https://host/#ca=" + sum[2:], "64 hexadecimal"},
		{"https://host/#ca=" + sum[2:] + "zz", "64 hexadecimal"},
		{"http://host/#join=SECRET&ca=" + sum, "https"},
		{"https://host/#SECRET", "join=TOKEN and ca=SHA256"},
		{"https://host/#join=SECRET&", "join=TOKEN and ca=SHA256"},
		{"https://host/" + strings.Repeat("/", 2000), "2000"},
	} {
		_, err := ParseAddress(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.80s: %v; want one line with %q, and no secret", tt.text, err, tt.want)
		}
	}
}

// What is read can be written as a URL and read again, and names a file in a folder.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"https://host:8443/#join=T&ca=" + sum, "http://[::1%25eth0]:80/", "https://..:1/#ca=x", "http://%2e/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || a != (Address{}) {
				t.Errorf("%+v with %q", a, err)
			}
			return
		}
		if strings.ContainsAny(a.file(), `/\:*?"<>|`) || len(a.file()) > 255+12 {
			t.Errorf("file %q", a.file())
		}
		again := strings.Replace(a.url("/"), "%", "%25", 1)
		if a.Token != "" {
			again += "#join=" + a.Token
		}
		if back, err := ParseAddress(again); err != nil || back.Host != a.Host || back.Scheme != a.Scheme || back.Token != a.Token {
			t.Errorf("%+v as %q is %+v, %v", a, again, back, err)
		}
	})
}
