//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/host/web"
	"litefront/internal/browsertest"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// faultySite serves the page, with what a browser or a proxy may do to it.
type faultySite struct {
	page http.Handler
	// notIsolated leaves out the headers that isolate the page.
	notIsolated bool

	mu     sync.Mutex
	script string // runs in the worker before the worker's own
}

func (s *faultySite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	worker := r.URL.Path == "/worker.js"
	if worker {
		r.Header.Del("Accept-Encoding")
		r.Header.Del("If-None-Match")
	}
	s.page.ServeHTTP(recorded, r)
	h := w.Header()
	for name, values := range recorded.Header() {
		h[name] = values
	}
	if s.notIsolated {
		h.Del("Cross-Origin-Opener-Policy")
		h.Del("Cross-Origin-Embedder-Policy")
	}
	body := recorded.Body.Bytes()
	if worker {
		h.Del("Content-Length")
		h.Del("ETag")
		s.mu.Lock()
		body = append([]byte("(() => {"+s.script+"})();\n"), body...)
		s.mu.Unlock()
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(body) // the browser has gone
}

func (s *faultySite) inject(script string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// faultyPage is the page of a faulty site.
type faultyPage struct {
	tab
	site *faultySite
}

// wantMessages waits until the page shows messages with these texts, and no others.
func (p faultyPage) wantMessages(want ...string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelectorAll("#errors .error-text").length === %d`, len(want)))
	p.do(chromedp.Sleep(250 * time.Millisecond)) // for one more that should not come
	got := eval[[]string](p.tab, `[...document.querySelectorAll("#errors .error-text")].map(e => e.innerText)`)
	if !slices.EqualFunc(got, want, strings.Contains) {
		p.t.Errorf("the page says %q, want %q", got, want)
	}
}

// dismiss takes the only message away.
func (p faultyPage) dismiss() {
	p.t.Helper()
	p.clickOn("#errors .dismiss")
	p.wantMessages()
}

// start begins or continues a search of short prompts.
func (p faultyPage) start(budget string) {
	p.t.Helper()
	p.until(`!document.getElementById("start").disabled`)
	p.fill("prompt", "16")
	p.fill("budget", budget)
	p.click("start")
}

// search searches until a study of n candidates is complete.
func (p faultyPage) search(n int) {
	p.t.Helper()
	p.start(fmt.Sprint(n))
	p.measured(n)
	p.state("idle")
	p.wantMessages()
}

func (p faultyPage) text(selector string) string {
	p.t.Helper()
	return eval[string](p.tab, fmt.Sprintf(`document.querySelector(%q).innerText`, selector))
}

// TestPageFaults breaks what the page stands on. Each fault makes one message,
// and what was measured stays.
func TestPageFaults(t *testing.T) {
	handler, err := web.Handler(pageDist(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := browsertest.New(t)
	for _, tt := range []struct {
		name, script string
		notIsolated  bool
		run          func(faultyPage)
	}{
		{"no storage", `Object.defineProperty(self, "indexedDB", {value: undefined});`, false, storageRefused},
		{"storage denied", `IDBFactory.prototype.open = () => { throw new DOMException("denied", "SecurityError"); };`, false, storageRefused},
		{"newer study", "", false, newerStudy},
		{"worker not served", `self.fetch = async () => new Response("", {status: 404, statusText: "Not Found"});`, false, workerNotServed},
		{"worker dies", `
			const post = self.postMessage.bind(self);
			let measured = 0;
			self.postMessage = (text) => {
				post(text);
				if (text.includes('"kind":"measured"') && ++measured === 2) setTimeout(() => { throw new Error("boom"); });
			};`, false, workerDies},
		{"no SIMD", "", false, simdMissing},
		{"memory refused", `
			let candidates = 0;
			WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
				construct(Instance, args) {
					const instance = new Instance(...args);
					if (instance.exports.prefill && ++candidates === 1) throw new RangeError("could not allocate memory");
					return instance;
				},
			});`, false, memoryRefused},
		{"a module refused", refuseModules(`++candidates === 1`), false, moduleRefused},
		{"all modules refused", refuseModules(`true`), false, modulesRefused},
		{"sentinels refused", refuseModules(`true`) + `refuse = () => true;`, false, sentinelsRefused},
		{"clock set forward", setClock + `
			const post = self.postMessage.bind(self);
			self.postMessage = (text) => {
				post(text);
				if (String(text).includes('"kind":"measured"') && ++measured === 1) shift += 3600e3;
			};`, false, clockSet("forward by 1h0m")},
		{"clock set back", setClock + `
			let calls = 0;
			WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
				construct(Instance, args) {
					const {exports} = new Instance(...args);
					const loop = (position, reps) => {
						exports.decode_loop(position, reps);
						if (++calls === 5) shift -= 3600e3;
					};
					return {exports: exports.decode_loop ? {...exports, decode_loop: loop} : exports};
				},
			});`, false, clockSet("back by 1h0m")},
		{"storage full", `
			const add = IDBObjectStore.prototype.add;
			let lines = 0;
			IDBObjectStore.prototype.add = function (...args) {
				if (++lines > 5) throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
				return add.apply(this, args);
			};`, false, storageFull},
		{"links tampered", "", false, linksTampered},
		{"not isolated", "", true, notIsolated},
		{"two tabs", "", false, twoTabs},
		{"background", "", false, inBackground},
	} {
		site := &faultySite{page: handler, notIsolated: tt.notIsolated, script: tt.script}
		// A new origin, with nothing stored. It keeps its port until all are through:
		// the browser would give another server on it what this one's page has stored.
		server := httptest.NewServer(site)
		t.Cleanup(server.Close)
		t.Run(tt.name, func(t *testing.T) {
			p := faultyPage{tab{t, ctx}, site}
			p.open(server.URL)
			tt.run(p)
			p.do(chromedp.Navigate("about:blank")) // ends its worker
		})
	}
}

func storageRefused(p faultyPage) {
	const want = "the browser's storage cannot be read: "
	p.state("idle")
	p.wantMessages(want)
	if text := p.text("#errors"); strings.Contains(text, "study") {
		p.t.Errorf("nothing is kept, but the page says %q", text)
	}
	p.dismiss()
	p.start("2")
	p.wantMessages(want)
	p.state("idle")
	p.site.inject("")
	p.reload()
	p.state("idle")
	p.search(1)
}

func newerStudy(p faultyPage) {
	p.state("idle")
	line, err := study.Encode(trial.Event{V: trial.EventVersion + 1, Kind: trial.KindSetting, Seq: 1, Setting: &trial.Setting{Name: "a", Value: "b"}})
	if err != nil {
		p.t.Fatal(err)
	}
	eval[bool](p.tab, fmt.Sprintf(`new Promise((resolve, reject) => {
		const request = indexedDB.open("litefront");
		request.onerror = () => reject(request.error);
		request.onsuccess = () => {
			const transaction = request.result.transaction("journal", "readwrite");
			transaction.objectStore("journal").put(%q, 1);
			transaction.oncomplete = () => { request.result.close(); resolve(true); };
		};
	})`, line))
	p.reload()
	p.wantMessages("the kept study cannot be read: line 1: event version")
	p.dismiss()
	p.start("2")
	p.wantMessages("the kept study cannot be read: line 1: event version")

	dir := p.keepDownloads()
	if data := p.downloaded(dir, "export", "*.jsonl"); string(data) != string(line)+"\n" {
		p.t.Errorf("exported %q; want %q", data, line)
	}

	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("lines\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.upload(other)
	p.until(`!document.querySelector(".confirm").hidden`) // it asks before it replaces
	p.click("decline")
	p.until(`document.querySelector(".confirm").hidden`)

	p.click("new-search")
	p.until(`!document.querySelector(".confirm").hidden`)
	p.click("accept")
	p.wantMessages()
	p.search(1)
}

func workerNotServed(p faultyPage) {
	p.state("dead")
	p.wantMessages("page.wasm cannot be loaded: 404 Not Found")
	p.site.inject("")
	p.click("restart")
	p.state("idle")
}

func workerDies(p faultyPage) {
	p.state("idle")
	p.start("3")
	p.state("dead")
	p.wantMessages("the search core stopped: boom")
	p.measured(2)
	if len(p.frontier()) == 0 {
		p.t.Error("what was measured is gone")
	}
	p.site.inject("")
	p.click("restart")
	p.state("paused")
	p.measured(2)
	p.click("pause") // continues
	p.measured(3)
	p.state("idle")
}

// A study can be looked at where no candidate runs.
func simdMissing(p faultyPage) {
	p.state("idle")
	p.search(1)
	frontier := p.frontier()
	p.site.inject(`WebAssembly.validate = () => false;`)
	p.reload()
	p.state("idle")
	p.wantMessages("SIMD")
	if text := p.text(".badges"); !strings.Contains(text, "no SIMD") {
		p.t.Errorf("the badges say %q", text)
	}
	if got := p.frontier(); len(got) != 1 || got[0] != frontier[0] {
		p.t.Errorf("the frontier is %v, it was %v", got, frontier)
	}
	p.dismiss()
	p.start("2")
	p.wantMessages("SIMD")
	p.measured(1)
}

func memoryRefused(p faultyPage) {
	p.state("idle")
	p.start("2")
	p.measured(1)
	p.state("idle")
	p.wantMessages()
	if text := p.text(".last-failure"); !strings.Contains(text, "could not allocate memory") {
		p.t.Errorf("the last failure is %q", text)
	}
}

// refuseModules has the browser refuse modules of candidates, of which it says which.
func refuseModules(which string) string {
	return `
		let candidates = 0;
		let refuse = (module) => WebAssembly.Module.exports(module).some(({name}) => name === "prefill") && ` + which + `;
		const refusing = new Proxy(WebAssembly.Module, {
			construct(Module, args) {
				const module = new Module(...args);
				if (refuse(module)) throw new WebAssembly.CompileError("Compiling function #7 failed: invalid opcode 0xfd9b @+1234");
				return module;
			},
		});
		WebAssembly.Module = refusing;`
}

func moduleRefused(p faultyPage) {
	p.state("idle")
	p.start("2")
	p.measured(1)
	p.state("idle")
	p.wantMessages()
	if text := p.text(".last-failure"); !strings.Contains(text, "prepare: CompileError: Compiling function #7 failed") {
		p.t.Errorf("the last failure is %q", text)
	}
}

func modulesRefused(p faultyPage) {
	p.state("idle")
	p.start("1000")
	p.wantMessages("10 candidates failed in a row, the last with: prepare: CompileError: Compiling function #7 failed")
	p.state("paused")
	p.dismiss()
	p.site.inject("")
	p.reload()
	p.state("paused")
	p.click("pause") // continues
	p.measured(1)
	p.click("stop")
	p.state("idle")
}

func sentinelsRefused(p faultyPage) {
	p.state("idle")
	p.start("2")
	p.wantMessages("the device does not measure: compute sentinel: CompileError: Compiling function #7 failed")
	p.state("paused")
	p.site.inject("")
	p.reload()
	p.state("paused")
	p.click("pause") // continues
	p.measured(2)
	p.state("idle")
}

// setClock makes the worker's clock one that can be set.
const setClock = `
	const now = performance.now.bind(performance);
	let shift = 0, measured = 0;
	performance.now = () => now() + shift;`

// clockSet searches while the clock is set once: that is said, nothing absurd is
// recorded, and the budget is neither shorter nor longer for it.
func clockSet(how string) func(faultyPage) {
	return func(p faultyPage) {
		const budget = 30 * time.Second // for two candidates on any machine
		p.state("idle")
		p.fill("preset", "own")
		p.fill("space", tinySpace)
		p.fill("context", "48")
		begin := time.Now()
		p.start(budget.String())
		p.measured(2)
		p.state("idle")
		if took := time.Since(begin); took < budget {
			p.t.Errorf("a search of %v took %v", budget, took)
		}
		p.wantMessages("the browser's clock was set " + how)
		if text := p.text("#status"); !strings.Contains(text, "0 failed") {
			p.t.Errorf("the status is %q", text)
		}
		var spent float64
		for _, e := range decodeLines(p.t, p.downloaded(p.keepDownloads(), "export", "*.jsonl")) {
			if e.Measured == nil {
				continue
			}
			m := e.Measured.Measurement
			for name, ms := range map[string]float64{"spent": m.SpentMs, "compiling": m.CompileMs, "init": m.InitMs, "warming up": m.WarmupMs, "prefill": slices.Max(m.Prefill.SamplesMs), "decode": slices.Max(m.Decode.SamplesMs)} {
				if ms < 0 || ms > 20e3 {
					p.t.Errorf("candidate %d: %s took %v ms", e.Measured.Number, name, ms)
				}
			}
			spent += m.SpentMs
		}
		if spent < 2e3 || spent > 2*budget.Seconds()*1e3 {
			p.t.Errorf("measuring took %v ms of a budget of %v", spent, budget)
		}
	}
}

// A storage that is full ends the search; once there is room, it goes on where it was.
func storageFull(p faultyPage) {
	p.state("idle")
	p.start("2")
	p.wantMessages("the result could not be kept: the browser's storage is full")
	p.state("paused")
	p.measured(1)
	frontier := p.frontier()
	p.dismiss()
	p.site.inject("")
	p.reload()
	p.state("paused")
	if got := p.frontier(); !slices.Equal(got, frontier) || len(got) != 1 {
		p.t.Errorf("the frontier is %v, it was %v", got, frontier)
	}
	p.click("pause") // continues
	p.measured(2)
	p.state("idle")
	p.wantMessages()
}

func notIsolated(p faultyPage) {
	p.state("idle")
	if text := p.text(".badges"); !strings.Contains(text, "not isolated") {
		p.t.Errorf("the badges say %q", text)
	}
	p.search(1)
}

func twoTabs(p faultyPage) {
	p.state("idle")
	eval[bool](p.tab, `new Promise((taken) => navigator.locks.request("litefront-search", () => {
		taken(true);
		return new Promise((release) => { globalThis.release = release; });
	}))`)
	p.start("1")
	p.wantMessages("another tab is searching")
	p.state("idle")
	eval[bool](p.tab, `release(), true`)
	p.until(`navigator.locks.query().then(({held}) => globalThis.free = !held.some(({name}) => name === "litefront-search")) && globalThis.free`)
	p.search(1)
}

// In the background the page warns of its measurements; and it asks the browser
// once to keep them.
func inBackground(p faultyPage) {
	p.state("idle")
	hide := func(hidden bool) {
		p.t.Helper()
		eval[bool](p.tab, fmt.Sprintf(`Object.defineProperty(document, "hidden", {value: %v, configurable: true}),
			document.dispatchEvent(new Event("visibilitychange"))`, hidden))
	}
	eval[bool](p.tab, `navigator.storage.persist = async () => { globalThis.asked = (globalThis.asked ?? 0) + 1; return false; }, true`)
	hide(true)
	p.start("1000")
	p.state("searching")
	p.until(`document.getElementById("status").innerText.includes("This tab is in the background: what is measured meanwhile is marked, or measured again.")`)
	p.measured(1) // all of it in the background, also when repeated
	hide(false)
	p.until(`document.getElementById("status").innerText.includes("This tab was in the background")`)
	inFront := 3 + eval[int](p.tab, `Number(document.documentElement.dataset.measured)`) // it began after that, whatever is on its way
	p.measured(inFront)
	p.click("pause")
	p.state("paused")
	p.click("pause") // continues
	p.state("searching")
	p.until(`!document.getElementById("status").innerText.includes("background")`)
	p.click("stop")
	p.state("idle")
	var background []bool
	for _, e := range decodeLines(p.t, p.downloaded(p.keepDownloads(), "export", "*.jsonl")) {
		if m := e.Measured; m != nil {
			background = append(background, m.Measurement.Background)
			if m.Measurement.Background && m.Measurement.Verdict != trial.Drifted {
				p.t.Errorf("trial %d was in the background, its verdict is %q", m.Number, m.Measurement.Verdict)
			}
		}
	}
	if !background[0] || background[inFront-1] {
		p.t.Errorf("in the background were %v; want the first, and not the one at %d", background, inFront)
	}
	if n := eval[int](p.tab, `globalThis.asked`); n != 1 {
		p.t.Errorf("the browser was asked %d times to keep the study", n)
	}
	p.wantMessages()
}
