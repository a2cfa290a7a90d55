package browser_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"litefront/wasm/worker/internal/browser"
)

func TestDescribe(t *testing.T) {
	const (
		chromeLinux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
		chromeMac   = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
		chromePhone = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"
	)
	brands := func(name string) []browser.Brand {
		return []browser.Brand{{Brand: "Not;A=Brand", Version: "8"}, {Brand: "Chromium", Version: "156"}, {Brand: name, Version: "156"}}
	}
	for _, test := range []struct {
		userAgent              string
		hints                  browser.Hints
		name, os, arch, engine string
	}{
		{chromeLinux, browser.Hints{}, "Chrome 156 on Linux x86_64", "linux", "amd64", "V8 (Chrome 156)"},
		{strings.Replace(chromeLinux, "Chrome", "HeadlessChrome", 1), browser.Hints{}, "Chromium 156 on Linux x86_64", "linux", "amd64", "V8 (Chromium 156)"},
		{chromeLinux, browser.Hints{Brands: brands("Chromium"), Platform: "Linux", Architecture: "x86", Bitness: "64"}, "Chromium 156 on Linux x86_64", "linux", "amd64", "V8 (Chromium 156)"},
		{chromeLinux, browser.Hints{Brands: brands("Google Chrome"), Platform: "Linux", Architecture: "arm", Bitness: "64"}, "Chrome 156 on Linux arm64", "linux", "arm64", "V8 (Chrome 156)"},
		{chromeMac, browser.Hints{Brands: brands("Google Chrome"), Platform: "macOS", Architecture: "arm", Bitness: "64"}, "Chrome 156 on macOS arm64", "darwin", "arm64", "V8 (Chrome 156)"},
		{chromeMac, browser.Hints{}, "Chrome 156 on macOS", "darwin", "", "V8 (Chrome 156)"},
		{chromePhone, browser.Hints{Brands: brands("Google Chrome"), Platform: "Android", Model: "Pixel 7"}, "Chrome 156 on Android (Pixel 7)", "android", "", "V8 (Chrome 156)"},
		{chromePhone, browser.Hints{}, "Chrome 156 on Android", "android", "", "V8 (Chrome 156)"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", browser.Hints{}, "Edge 131 on Windows x86_64", "windows", "amd64", "V8 (Edge 131)"},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", browser.Hints{}, "Chrome 130 on ChromeOS x86_64", "chromeos", "amd64", "V8 (Chrome 130)"},
		{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", browser.Hints{}, "Samsung Internet 27 on Android", "android", "", "V8 (Samsung Internet 27)"},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", browser.Hints{}, "Firefox 140 on Linux x86_64", "linux", "amd64", "SpiderMonkey (Firefox 140)"},
		{"Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", browser.Hints{}, "Firefox 140 on Android", "android", "", "SpiderMonkey (Firefox 140)"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Safari/605.1.15", browser.Hints{}, "Safari 18 on macOS", "darwin", "", "JavaScriptCore (Safari 18)"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Mobile/15E148 Safari/604.1", browser.Hints{}, "Safari 18 on iOS", "ios", "", "JavaScriptCore (Safari 18)"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1", browser.Hints{}, "Chrome 131 on iOS", "ios", "", "JavaScriptCore (Chrome 131)"},
		{"curl/8.5", browser.Hints{}, "unknown browser", "unknown", "", "unknown engine (unknown browser)"},
		{"", browser.Hints{}, "unknown browser", "unknown", "", "unknown engine (unknown browser)"},
	} {
		d := browser.Describe(test.userAgent, test.hints)
		if d.Name != test.name || d.OS != test.os || d.Arch != test.arch || d.Engine != test.engine {
			t.Errorf("%s, %+v:\ngot  %q, %q, %q, %q\nwant %q, %q, %q, %q", test.userAgent, test.hints,
				d.Name, d.OS, d.Arch, d.Engine, test.name, test.os, test.arch, test.engine)
		}
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36", "Chromium", "156", "Linux", "x86", "64", "")
	f.Add("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Firefox/140.0", "", "", "", "", "", "Pixel\n7")
	f.Add("Chrome/", "Google Chrome", "99999999", "\xff", "arm", "64", strings.Repeat("ü", 50))
	f.Fuzz(func(t *testing.T, userAgent, brand, version, platform, architecture, bitness, model string) {
		d := browser.Describe(userAgent, browser.Hints{
			Brands: []browser.Brand{{Brand: brand, Version: version}}, Platform: platform,
			Architecture: architecture, Bitness: bitness, Model: model,
		})
		for _, text := range []string{d.Name, d.OS, d.Arch, d.Engine} {
			if len(text) > 150 || strings.ContainsAny(text, "\n\r\x00") || utf8.ValidString(model) && !utf8.ValidString(text) {
				t.Errorf("%q is not one short line", text)
			}
		}
		if d.Name == "" || d.OS == "" || d.Engine == "" {
			t.Errorf("%+v lacks a name", d)
		}
	})
}
