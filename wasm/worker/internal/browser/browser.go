// Package browser works out what a browser is: from the names it gives itself,
// and from which probe modules it accepts.
package browser

import (
	"strings"
	"unicode"

	"litefront/searchcore/trial"
)

// Hints are the user-agent client hints, which some browsers tell beside a user
// agent that they keep vague. Their JSON is that of
// navigator.userAgentData.getHighEntropyValues.
type Hints struct {
	Brands       []Brand `json:"brands"`
	Platform     string  `json:"platform"`     // "Linux", "macOS", ...
	Architecture string  `json:"architecture"` // "x86" or "arm"
	Bitness      string  `json:"bitness"`      // "64" or "32"
	Model        string  `json:"model"`        // of a phone
}

// Brand is one of the names that a browser goes by.
type Brand struct {
	Brand   string `json:"brand"`
	Version string `json:"version"` // major
}

// Describe returns the Name, OS, Arch and Engine of the device that a browser
// with this user agent runs on, as far as it tells. OS and Arch are Go's names
// where Go has one.
func Describe(userAgent string, h Hints) trial.Device {
	p := findPlatform(userAgent, h.Platform)
	product, engine := findProduct(userAgent, h.Brands)
	if p.os == "ios" {
		engine = "JavaScriptCore" // whatever the name: no other engine is allowed there
	}
	d := trial.Device{Name: product, OS: p.os, Arch: findArch(userAgent, p.os, h), Engine: engine + " (" + product + ")"}
	if p.label != "" {
		d.Name += " on " + p.label
	}
	switch d.Arch {
	case "":
	case "amd64":
		d.Name += " x86_64"
	default:
		d.Name += " " + d.Arch
	}
	if model := clean(h.Model); model != "" {
		d.Name += " (" + model + ")"
	}
	return d
}

// platform is an operating system: what tells it, its name in trial.Device and
// its name for people.
type platform struct{ token, os, label string }

// The order matters: Android's user agent also says Linux, and iOS's Mac OS X.
var platforms = []platform{
	{"Android", "android", "Android"},
	{"iPhone", "ios", "iOS"},
	{"iPad", "ios", "iOS"},
	{"iPod", "ios", "iOS"},
	{"Windows", "windows", "Windows"},
	{"CrOS", "chromeos", "ChromeOS"},
	{"Chrome OS", "chromeos", "ChromeOS"},
	{"Chromium OS", "chromeos", "ChromeOS"},
	{"macOS", "darwin", "macOS"},
	{"Macintosh", "darwin", "macOS"},
	{"Linux", "linux", "Linux"},
}

func findPlatform(userAgent, hint string) platform {
	for _, text := range []string{hint, userAgent} {
		for _, p := range platforms {
			if strings.Contains(text, p.token) {
				return p
			}
		}
	}
	return platform{os: "unknown"}
}

// products are browsers by what their user agent says, each before those it
// pretends to be.
var products = []struct{ token, name, engine string }{
	{"CriOS/", "Chrome", "JavaScriptCore"},
	{"FxiOS/", "Firefox", "JavaScriptCore"},
	{"EdgiOS/", "Edge", "JavaScriptCore"},
	{"Firefox/", "Firefox", "SpiderMonkey"},
	{"EdgA/", "Edge", "V8"},
	{"Edg/", "Edge", "V8"},
	{"OPR/", "Opera", "V8"},
	{"SamsungBrowser/", "Samsung Internet", "V8"},
	{"HeadlessChrome/", "Chromium", "V8"},
	{"Chromium/", "Chromium", "V8"},
	{"Chrome/", "Chrome", "V8"},
	{"Version/", "Safari", "JavaScriptCore"},
}

// brands are the names by which hints tell one Chromium from another; the last
// is true of all of them.
var brands = []struct{ brand, name string }{
	{"Microsoft Edge", "Edge"},
	{"Opera", "Opera"},
	{"Samsung Internet", "Samsung Internet"},
	{"Brave", "Brave"},
	{"Google Chrome", "Chrome"},
	{"Chromium", "Chromium"},
}

// findProduct returns a browser's name with its major version, and its engine.
func findProduct(userAgent string, told []Brand) (product, engine string) {
	for _, known := range brands {
		for _, b := range told {
			if b.Brand == known.brand {
				return strings.TrimSpace(known.name + " " + digits(b.Version)), "V8"
			}
		}
	}
	for _, p := range products {
		_, version, found := strings.Cut(userAgent, p.token)
		if found && (p.name != "Safari" || strings.Contains(version, "Safari/")) {
			return strings.TrimSpace(p.name + " " + digits(version)), p.engine
		}
	}
	return "unknown browser", "unknown engine"
}

// digits are those that text begins with, if they can be a version.
func digits(text string) string {
	const most = 5
	n := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if n < 0 {
		n = len(text)
	}
	if n > most {
		return ""
	}
	return text[:n]
}

// findArch returns Go's name of the processor's architecture; empty if it is not
// told.
func findArch(userAgent, os string, h Hints) string {
	switch h.Architecture + h.Bitness {
	case "x8664":
		return "amd64"
	case "x8632":
		return "386"
	case "arm64":
		return "arm64"
	case "arm32":
		return "arm"
	}
	if os == "darwin" || os == "ios" {
		return "" // they say Intel whatever they run on
	}
	for _, a := range []struct{ token, arch string }{
		{"x86_64", "amd64"}, {"x64", "amd64"}, {"WOW64", "amd64"},
		{"aarch64", "arm64"}, {"arm64", "arm64"}, {"ARM64", "arm64"},
		{"armv7", "arm"}, {"armv8l", "arm"},
		{"i686", "386"},
	} {
		if strings.Contains(userAgent, a.token) {
			return a.arch
		}
	}
	return ""
}

// clean makes one short line of what a device calls itself.
func clean(text string) string {
	const longest = 64
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "")
	}
	return text
}
