//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"litefront/host/lan"
	"litefront/host/store"
	"litefront/internal/browsertest"
	"litefront/kernels/jobs"
)

// fleetHost is `litefront fleet` as it runs.
type fleetHost struct {
	sandbox
	cmd        *exec.Cmd
	page       string // URL
	trust      string // URL; empty without --lan
	invitation string // URL
	log        *bytes.Buffer
	logged     sync.WaitGroup // until it is whole
}

// pageFleet starts `litefront fleet` with a study of so many small candidates a class.
func (s sandbox) pageFleet(budget int, args ...string) *fleetHost {
	s.t.Helper()
	h := &fleetHost{sandbox: s, log: &bytes.Buffer{}}
	h.cmd = s.command(append([]string{"fleet", "--listen", "127.0.0.1:0", "--store", "fleet.db", "--study", "by the fleet", "--space", "tiny.toml", "--prompt", "16", "--context", "48",
		"--strategy", "random", "--budget", fmt.Sprint(budget), "--trial-time", "20ms", "--lease", "2s"}, args...)...)
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	complaints, err := h.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = h.cmd.Process.Kill() // it may have ended already
		h.logged.Wait()
		_ = h.cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("the host says:\n%s", h.log)
		}
	})
	lines := bufio.NewReader(out)
	for h.page == "" || h.trust == "" && strings.HasPrefix(h.page, "https:") {
		line, err := lines.ReadString('\n')
		if err != nil {
			s.t.Fatalf("fleet printed %q, %v", line, err)
		}
		if url, ok := strings.CutPrefix(line, "litefront: serving "); ok && h.page == "" {
			h.page = strings.TrimSpace(url)
		} else if url, ok := strings.CutPrefix(line, "litefront: devices that do not trust it yet begin at "); ok {
			h.trust = strings.TrimSpace(url)
		}
	}
	go io.Copy(io.Discard, lines) // more invitations
	more := bufio.NewReader(complaints)
	for h.invitation == "" {
		line, err := more.ReadString('\n')
		if err != nil {
			s.t.Fatalf("fleet complained %q, %v", line, err)
		}
		h.log.WriteString(line)
		if _, url, ok := strings.Cut(strings.TrimSpace(line), "one device may join by "); ok {
			h.invitation = url
		}
	}
	h.logged.Go(func() { io.Copy(h.log, more) })
	return h
}

// end ends the host, and returns what the store has of each class: the measurements, and
// the devices that are enrolled.
func (h *fleetHost) end() (measured map[string]int, devices []store.Device) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(os.Interrupt); err != nil {
		h.t.Fatal(err)
	}
	return h.kept()
}

// kept waits for the host to end by itself, and returns what end does.
func (h *fleetHost) kept() (measured map[string]int, devices []store.Device) {
	h.t.Helper()
	h.logged.Wait()
	if err := h.cmd.Wait(); err != nil {
		h.t.Errorf("fleet ended with %v", err)
	}
	kept, err := store.Open(context.Background(), h.path("fleet.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer kept.Close()
	st, err := kept.Study(context.Background(), "by the fleet")
	if err != nil {
		h.t.Fatal(err)
	}
	if devices, err = kept.Devices(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	measured = map[string]int{}
	for _, j := range st.Journals {
		measured[j.Class] = j.Measured
	}
	return measured, devices
}

// cell is a JavaScript expression of a cell of the first device in the panel.
func cell(column int) string {
	return fmt.Sprintf(`document.querySelector("#devices tbody tr")?.children[%d].innerText`, column)
}

// fact is a JavaScript expression of what the card says of the device's own work.
func fact(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".join .facts div")].find((e) => e.firstChild.innerText === %q)?.lastChild.innerText`, name)
}

// hide has the page think that it is in the background, or no longer.
func (p tab) hide(hidden bool) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(Object.defineProperty(document, "hidden", {value: %v, configurable: true}), document.dispatchEvent(new Event("visibilitychange")))`, hidden))
}

// leave goes elsewhere before the host ends: a page that asks it in vain complains.
func (p tab) leave() {
	p.t.Helper()
	p.open("about:blank")
}

// TestPageFleet has a page measure for the host that another page watches.
func TestPageFleet(t *testing.T) {
	pageDist(t)
	h := newSandbox(t).pageFleet(400)
	watch := openPage(t, h.page)
	watch.until(`!document.getElementById("fleet").hidden && document.getElementById("fleet-note").innerText === "No device has joined yet."`)
	if eval[bool](watch, `[...document.scripts].some((s) => s.src.endsWith("fleet.js"))`) {
		t.Error("a page that watches has loaded what devices need")
	}

	// The device comes by the code that the host's page shows.
	watch.click("invite")
	watch.until(`!document.getElementById("invitation").hidden`)
	address := eval[string](watch, `document.querySelector(".address").innerText`)
	if !strings.HasPrefix(address, h.page+"#join=") || address == h.invitation {
		t.Fatalf("the invitation is %q", address)
	}
	if n := eval[int](watch, `document.querySelector(".code path").getAttribute("d").split("M").length`); n < 100 {
		t.Errorf("the code has %d pieces", n)
	}
	p := tab{t, browsertest.New(t)}
	p.open(address)
	p.state("idle")
	if hash := eval[string](p, `location.href`); hash != h.page {
		t.Errorf("the address is %q", hash)
	}
	// A battery of ours, as Chromium has one only where the machine does.
	eval[bool](p, `(navigator.getBattery = async () => globalThis.battery = {charging: true, level: 0.5}, true)`)
	p.until(`!document.getElementById("join").disabled && document.querySelector(".join").innerText.includes("by the fleet")`)
	p.click("join")
	p.until(`!document.getElementById("join-stop").hidden && document.getElementById("start").disabled`)
	p.until(fmt.Sprintf(`Number(%s) >= 2`, fact("jobs done")))
	p.until(fmt.Sprintf(`%s.startsWith("gpt2") && %s.includes("ms for the prompt")`, fact("model"), fact("last times")))
	watch.until(fmt.Sprintf(`Number(%s) >= 2`, cell(4)))
	watch.until(`Number(document.querySelector("#classes tbody tr").children[1].innerText) >= 2`)

	// It may rest between, as a busy machine is a slow one.
	paused := func(why string, pause, resume func()) {
		t.Helper()
		pause()
		p.until(fmt.Sprintf(`document.getElementById("join-status").innerText.startsWith("Paused: ") && document.getElementById("join-status").innerText.includes(%q)`, why))
		watch.until(fmt.Sprintf(`%s === "paused" && %s.includes(%q)`, cell(2), cell(7), why))
		resume()
		p.until(fmt.Sprintf(`!document.getElementById("join-status").innerText.includes(%q)`, why))
		watch.until(fmt.Sprintf(`!%s.includes(%q)`, cell(7), why))
	}
	press := func() { p.click("join-pause") }
	battery := func(state string) func() {
		return func() { eval[bool](p, "(Object.assign(battery, "+state+"), battery.onlevelchange(), true)") }
	}
	paused("Resume", press, press)
	paused("in the background", func() { p.hide(true) }, func() { p.hide(false) })
	paused("17 %", battery("{charging: false, level: 0.17}"), battery("{charging: true}"))

	// It comes back without an invitation.
	p.reload()
	p.state("idle")
	p.until(`!document.getElementById("join").disabled && document.getElementById("join").innerText === "Measure again"`)
	p.click("join")
	p.until(fmt.Sprintf(`Number(%s) >= 1`, fact("jobs done")))
	p.click("join-stop")
	p.until(`!document.getElementById("join").hidden && !document.getElementById("start").disabled`)
	watch.until(fmt.Sprintf(`%s === "ended"`, cell(2)))
	p.noComplaints()

	// The host's page opens the study as any other.
	watch.clickOn("#classes button:not(:disabled)")
	watch.measured(3)
	watch.noComplaints()
	script := axe(t)
	for _, view := range []struct {
		name string
		tab
	}{{"fleet", watch}, {"device", p}} {
		eval[bool](view.tab, script+"\n;true")
		view.judged(view.name)
	}

	watch.leave()
	p.leave()
	measured, devices := h.end()
	if len(measured) != 1 || len(devices) != 1 {
		t.Fatalf("measured %v by %+v", measured, devices)
	}
	for class, n := range measured {
		if n < 3 || devices[0].Class != class || !strings.Contains(devices[0].Seen.Engine, "V8") {
			t.Errorf("%d measurements of %s by %+v", n, class, devices[0])
		}
	}
}

// TestPageFleetRefuses opens an invitation twice: it admits one device alone.
func TestPageFleetRefuses(t *testing.T) {
	pageDist(t)
	h := newSandbox(t).pageFleet(1)
	for i := range 2 {
		p := tab{t, browsertest.New(t, "401 (Unauthorized)")}
		p.open(h.invitation)
		p.state("idle")
		p.until(`!document.getElementById("join").disabled`)
		p.click("join")
		if i == 0 {
			p.until(fmt.Sprintf(`Number(%s) >= 1`, fact("jobs done")))
			continue
		}
		p.until(`document.getElementById("join-status").innerText.includes("used already")`)
		if !eval[bool](p, `document.getElementById("join").disabled && !document.getElementById("start").disabled && localStorage.length === 0`) {
			t.Error("a device that is refused may try again, or has kept a key")
		}
	}
}

// TestPageFleetLAN enrols a second browser by HTTPS, by a name that is not localhost.
func TestPageFleetLAN(t *testing.T) {
	pageDist(t)
	name := lan.Here(netip.IPv6Unspecified()).Names[0]
	if name == "localhost" {
		t.Skip("this machine has no name but localhost")
	}
	h := newSandbox(t).pageFleet(2, "--lan", "--ca", "ca")
	_, fragment, _ := strings.Cut(h.invitation, "#")
	if !strings.Contains(fragment, "&ca=") {
		t.Errorf("the invitation is %q", h.invitation)
	}
	p := trustingTab(t, name, h.page, h.trust)
	p.open("https://" + net.JoinHostPort(name, port(t, h.page)) + "/#" + fragment)
	p.state("idle")
	if !eval[bool](p, `crossOriginIsolated === true && isSecureContext && location.hostname !== "localhost" && location.hash === ""`) {
		t.Error("by HTTPS the page is not isolated, or still shows the invitation")
	}
	p.until(`!document.getElementById("join").disabled`)
	p.click("join")
	p.until(fmt.Sprintf(`Number(%s) >= 1`, fact("jobs done")))
	p.until(fmt.Sprintf(`%s === "stays on"`, fact("screen")))
	// Alone of its class, it is believed once others had the time to come.
	p.until(`Number(document.querySelector("#classes tbody tr")?.children[1].innerText) >= 1`)
	p.noComplaints()
	p.leave()
	measured, _ := h.end()
	for class, n := range measured {
		if n < 1 {
			t.Errorf("%d measurements of %s", n, class)
		}
	}
	if len(measured) != 1 {
		t.Errorf("measured is %v", measured)
	}
}

// TestPageFleetMixed has a study done by a page and by two devices in processes of their
// own, one of them of a class of its own: each class has its frontier, and the host ends.
func TestPageFleetMixed(t *testing.T) {
	pageDist(t)
	h := newSandbox(t).pageFleet(4, "--end-after", "3")
	// invite is a new invitation, as the host's page asks for one.
	invite := func() string {
		t.Helper()
		answer, err := http.Post(h.page+strings.TrimPrefix(jobs.InvitePath, "/"), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		i, err := jobs.Decode[jobs.Invitation](text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return i.URL
	}
	for _, label := range []string{"bench", "shelf"} {
		device := h.command("device", "--join", invite(), "--state", label, "--name", label, "--label", label)
		if err := device.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = device.Process.Kill()
			_ = device.Wait()
		})
	}
	// The host is gone once all is measured, which the page complains of.
	p := tab{t, browsertest.New(t, "WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "503 (Service Unavailable)")}
	p.open(invite())
	p.state("idle")
	p.until(`!document.getElementById("join").disabled`)
	p.click("join")
	measured, devices := h.kept()
	if len(measured) != 3 || len(devices) != 3 {
		t.Fatalf("measured %v by %+v", measured, devices)
	}
	for class, n := range measured {
		if n != 4 {
			t.Errorf("%d measurements of %s; want 4", n, class)
		}
		if out := h.must("studies", "by the fleet", "--store", "fleet.db", "--class", class); !strings.Contains(out, class) || strings.Contains(out, ": 0 on the frontier") {
			t.Errorf("no frontier of %s:\n%s", class, out)
		}
	}
}
