//go:build unix

package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"litefront/host/lan"
	"litefront/internal/browsertest"
)

// trustingTab is a browser that finds a server of this machine by a name, and takes the
// key of its certificate as if it had installed the authority; that the authority, which
// is served at trust, is good for the key, Go's verifier says.
func trustingTab(t *testing.T, name, page, trust string) tab {
	t.Helper()
	config := trusting(t, trust).Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = name
	c, err := tls.Dial("tcp", "127.0.0.1:"+port(t, page), config)
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	c.Close()
	return tab{t, browsertest.NewWith(t, map[string]string{
		"host-resolver-rules":                 "MAP " + name + " 127.0.0.1",
		"ignore-certificate-errors-spki-list": base64.StdEncoding.EncodeToString(key[:]),
	})}
}

// TestPageLAN opens the page as another device does: by this machine's name, where
// browsers trust nothing without HTTPS. It begins at the page about trust and ends
// with an isolated page that measures.
func TestPageLAN(t *testing.T) {
	pageDist(t)
	name := lan.Here(netip.IPv6Unspecified()).Names[0]
	if name == "localhost" {
		t.Skip("this machine has no name but localhost")
	}
	s := newSandbox(t)
	server := s.servingLAN(t, "--listen", "127.0.0.1:0", "--ca", "ca")
	home := "https://" + net.JoinHostPort(name, port(t, server.page[0])) + "/"

	p := trustingTab(t, name, server.page[0], server.trust)

	p.open("http://" + net.JoinHostPort(name, port(t, server.trust)) + "/")
	if eval[bool](p, `isSecureContext || crossOriginIsolated`) {
		t.Error("without HTTPS the browser trusts the page")
	}
	if got := eval[string](p, `document.getElementById("fingerprint").innerText`); got != server.fingerprint {
		t.Errorf("the page has the fingerprint %s, the terminal %s", got, server.fingerprint)
	}
	if font := eval[string](p, `getComputedStyle(document.getElementById("page")).fontWeight`); font != "600" {
		t.Error("the page's policy refuses its own style")
	}
	for _, size := range []int64{1440, 360} {
		p.do(chromedp.EmulateViewport(size, 800))
		eval[bool](p, `document.querySelectorAll("details").forEach((d) => { d.open = true; }), true`)
		if width := eval[int64](p, `document.documentElement.scrollWidth`); width > size {
			t.Errorf("in a window of %d it is %d wide", size, width)
		}
	}
	p.do(chromedp.EmulateViewport(1440, 900))
	if link := eval[string](p, `document.getElementById("page").href`); link != home {
		t.Fatalf("the page leads to %s; want %s", link, home)
	}
	p.open(home)
	p.state("idle")
	if !eval[bool](p, `crossOriginIsolated === true && isSecureContext && typeof SharedArrayBuffer === "function"`) {
		t.Error("by HTTPS the page is not isolated")
	}
	missing := eval[[]string](p, `[...document.querySelectorAll("#offers [data-missing] dt")].map((e) => e.innerText)`)
	for _, offer := range []string{"Isolation from other sites", "Threads over shared memory", "Timer step", "Use without the server"} {
		if slices.ContainsFunc(missing, func(m string) bool { return strings.HasPrefix(m, offer) }) {
			t.Errorf("the page lacks %s", offer)
		}
	}
	eval[bool](p, `navigator.serviceWorker.ready.then(() => true)`) // which keeps the page

	p.click("edit-space")
	p.fill("space", tinySpace)
	p.fill("prompt", "16")
	p.fill("context", "48")
	p.fill("budget", "1")
	p.click("start")
	p.measured(1)
	p.state("idle")
	p.noComplaints()
}
