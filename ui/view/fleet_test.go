package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vugu/html"

	"litefront/kernels/jobs"
	"litefront/ui/device"
	"litefront/ui/store"
)

// fleet is what a host tells.
func fleet() jobs.Fleet {
	return jobs.Fleet{V: jobs.Version, Study: "<b>a study</b>",
		Classes: []jobs.ClassState{{Class: "linux-wasm-1", Measured: 12, Failed: 1, Outstanding: 2, LeftMs: 90_000}, {Class: "android-wasm-2", Done: "budget"}},
		Devices: []jobs.DeviceState{
			{Device: "0123456789ab", Name: "<i>a phone</i>", Class: "android-wasm-2", State: jobs.Measuring, Job: "fedcba9876543210", Done: 3, Failed: 1, Slowdown: 1.25, Error: "out of memory"},
			{Device: "ffff", Name: "a liar", Class: "linux-wasm-1", State: jobs.Quarantined, Reason: "its logits are wrong"},
		},
		Dead: []jobs.DeadJob{{Class: "linux-wasm-1", Number: 7, Arch: "00112233445566", Reason: "handed out five times"}},
	}
}

// tellFleet has the host tell.
func (v *screen) tellFleet(f jobs.Fleet) {
	v.t.Helper()
	text, err := jobs.Encode(f)
	if err != nil {
		v.t.Fatal(err)
	}
	v.store.SetFleet(text)
	v.render()
}

// tableRows are the texts of a table's rows, cell by cell.
func (v *screen) tableRows(table string) (rows [][]string) {
	for _, tr := range all(v.element(table), func(n *html.Node) bool { return n.Data == "tr" })[1:] {
		var cells []string
		for _, cell := range all(tr, func(n *html.Node) bool { return (n.Data == "td" || n.Data == "th") && !has(n, "hidden") }) {
			cells = append(cells, strings.TrimSpace(text(cell)))
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestFleet(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("fleet") {
		t.Error("a page without a host shows a fleet")
	}
	v.tellFleet(fleet())
	if !v.visible("fleet") || v.text("fleet-title") != "Fleet of the study “<b>a study</b>”" {
		t.Errorf("the title is %q", v.text("fleet-title"))
	}
	want := [][]string{{"linux-wasm-1", "12", "1", "2", "1m30s", "Open"}, {"android-wasm-2", "0", "0", "0", "ended: budget", "Open"}}
	if got := v.tableRows("classes"); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("classes %q", got)
	}
	want = [][]string{
		{"<i>a phone</i> 01234567", "android-wasm-2", "measuring", "fedcba98", "3", "1", "1.25×", "Last error: out of memory"},
		{"a liar ffff", "linux-wasm-1", "quarantined", "–", "0", "0", "–", "Quarantined: its logits are wrong."},
	}
	if got := v.tableRows("devices"); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("devices %q", got)
	}
	if got := v.text("dead"); strings.TrimSpace(got) != "Nobody answered candidate 7, 00112233, of linux-wasm-1: handed out five times" {
		t.Errorf("dead jobs %q", got)
	}
	v.click("open-android-wasm-2")
	v.click("invite")
	if want := []string{"open android-wasm-2", "invite"}; !slices.Equal(v.page.joined, want) {
		t.Errorf("asked of the page: %q", v.page.joined)
	}
	v.store.LoseFleet("it is gone")
	v.render()
	if got := v.text("fleet-problem"); !strings.Contains(got, "it is gone") || len(v.tableRows("devices")) != 2 {
		t.Errorf("without the host: %q", got)
	}
	many := fleet()
	for i := range store.MaxDevices {
		many.Devices = append(many.Devices, jobs.DeviceState{Device: fmt.Sprint(i)})
	}
	v.tellFleet(many)
	if n := len(v.tableRows("devices")); n != store.MaxDevices || v.text("fleet-note") != "Not shown: 2 more devices." {
		t.Errorf("%d devices are shown; %q", n, v.text("fleet-note"))
	}
}

func TestInvitation(t *testing.T) {
	v := show(t)
	v.apply(idle())
	v.tellFleet(fleet())
	if v.visible("invitation") {
		t.Error("an invitation is shown that nobody asked for")
	}
	v.click("invite")
	address := "https://host.example:8443/#join=ABCDEFGHIJKLMNOPQRSTUVWXYZ&ca=" + strings.Repeat("0a", 32)
	v.store.SetInvitation(fmt.Appendf(nil, `{"v":1,"url":%q,"expires_ms":1800000000000,"code":"M4 4h7v1h-7z","code_size":33}`, address))
	v.render()
	if !v.visible("invitation") || !strings.Contains(text(v.element("invitation")), address) {
		t.Errorf("the invitation says %q", text(v.element("invitation")))
	}
	drawn := all(v.element("invitation"), func(n *html.Node) bool { return n.Data == "path" })
	if len(drawn) != 1 || attribute(drawn[0], "d") != "M4 4h7v1h-7z" || attribute(drawn[0].Parent, "viewBox") != "0 0 33 33" {
		t.Errorf("the code is drawn as %v", drawn)
	}
	v.click("drop-invitation")
	if v.visible("invitation") {
		t.Error("it stays")
	}
}

func TestJoin(t *testing.T) {
	v := show(t)
	if v.visible("join") {
		t.Error("nobody is invited")
	}
	v.store.TakeInvitation("#join=TOKEN")
	v.render()
	if !v.visible("join") || v.usable("join") || v.visible("join-stop") {
		t.Error("before the worker has answered the page could measure")
	}
	v.apply(idle())
	v.tellFleet(fleet())
	if !v.usable("join") || v.visible("invite") || !strings.Contains(text(v.element("join-title").Parent), "<b>a study</b>") {
		t.Errorf("the card says %q", text(v.element("join-title").Parent))
	}
	v.click("join")
	if v.visible("join") || !v.usable("join-pause") || !v.usable("join-stop") || v.usable("start") || v.usable("import") {
		t.Error("while it measures it can do other things, or cannot be ended")
	}
	v.store.LetIn()
	v.store.Joined(device.Status{State: jobs.Measuring, Class: "android-wasm-2", Connected: true, Arch: "<i>gpt2</i>", Done: 2, PrefillMs: 12.34, DecodeMs: 1.5, Slowdown: 1.02, Error: "one failed"})
	v.render()
	card := text(v.element("join-title").Parent)
	for _, want := range []string{"<i>gpt2</i>", "12.3 ms for the prompt, 1.50 ms for each", "1.02× its best time", "android-wasm-2", "one failed", "may switch off"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card says %q; want %q", card, want)
		}
	}
	v.click("join-pause")
	if v.text("join-pause") != "Resume" {
		t.Errorf("paused, the button is %q", v.text("join-pause"))
	}
	v.click("join-stop")
	v.store.EndJoin("the host says: it is over", false)
	v.render()
	if !v.usable("join") || v.text("join") != "Measure again" || !v.usable("start") {
		t.Error("it cannot go on")
	}
	if want := []string{"join", "pause", "leave"}; !slices.Equal(v.page.joined, want) {
		t.Errorf("asked of the page: %q", v.page.joined)
	}
}
