//go:build !wasm

package worker_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"litefront/internal/browsertest"
	"litefront/kernels"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// request is a search of small architectures, each measured as briefly as the
// protocol allows.
func request(budget string) search.Request {
	return search.Request{Name: "test", Code: "v0", Budget: budget, TrialTimeMs: 1, Setup: trial.Setup{
		Space: space.Space{
			Name: "tiny", Backbone: "gpt2", Vocab: 100, MaxLen: 32,
			NLayer: space.Choices{1, 2, 3}, DModel: space.Choices{16, 32}, NHead: space.Choices{1, 2, 4},
			DInner: space.Choices{16, 32, 48, 64},
		},
		Workload:    trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F32, Threads: 1},
		Objectives:  []string{"decoder_params", "prefill_ms", "peak_mb"},
		Strategy:    "lts",
		Protocol:    "litefront",
		Seed:        1,
		MemoryLimit: 1 << 30,
	}}
}

// kept are the events that belong into a journal.
func kept(messages []search.Message) (events []trial.Event) {
	for _, m := range messages {
		if m.Event != nil && m.Event.Seq != 0 {
			events = append(events, *m.Event)
		}
	}
	return events
}

// done is how a search ended.
func done(t *testing.T, messages []search.Message) trial.Done {
	t.Helper()
	for _, m := range messages {
		if m.Error != "" {
			t.Errorf("error %q", m.Error)
		}
		if m.Event != nil && m.Event.Failed != nil {
			t.Logf("candidate %d failed: %s", m.Event.Failed.Number, m.Event.Failed.Reason)
		}
		if m.Event != nil && m.Event.Done != nil {
			return *m.Event.Done
		}
	}
	t.Fatalf("no end in %d messages", len(messages))
	return trial.Done{}
}

// errorsIn are the errors that messages tell.
func errorsIn(messages []search.Message) (lines []string) {
	for _, m := range messages {
		if m.Error != "" {
			lines = append(lines, m.Error)
		}
	}
	return lines
}

func wantError(t *testing.T, messages []search.Message, want string) {
	t.Helper()
	if lines := errorsIn(messages); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("errors are %q; want one that says %q", lines, want)
	}
}

// searchOn searches with these features, and compiles here too what ran there.
func searchOn(candidates int, features ...string) func(*testing.T, *page) {
	return func(t *testing.T, p *page) {
		device, rest := p.open()
		if len(rest) != 0 {
			t.Errorf("nothing is kept, but open says %+v", rest)
		}
		if !slices.Equal(device.Features, features) || device.OS != "linux" || device.Cores < 1 || device.TimerStepNs < 1 ||
			!strings.Contains(device.Name, " on Linux ") || !strings.HasPrefix(device.Engine, "V8 (") {
			t.Errorf("device is %+v", device)
		}

		messages := p.search(request(fmt.Sprint(candidates)))
		if got, want := done(t, messages), (trial.Done{Reason: search.DoneBudget, Measured: candidates}); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		st, err := study.Replay(kept(messages), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		relaxed := kernels.Features{RelaxedSIMD: slices.Contains(features, "relaxed-simd")}
		for _, r := range st.Trials() {
			m := r.Measurement
			g, err := graph.Build(r.Arch, m.Workload)
			if err != nil {
				t.Fatal(err)
			}
			module, err := kernels.Compile(g, relaxed)
			if err != nil {
				t.Fatal(err)
			}
			if m.ModuleSHA256 != module.SHA256 || m.MemoryBytes != g.Memory.TotalBytes || m.Prefill.MedianMs <= 0 || m.Decode.MedianMs <= 0 || m.Slowdown <= 0 {
				t.Errorf("trial %d: measured %+v", r.Number, m)
			}
			if !reflect.DeepEqual(m.Device, *device) {
				t.Errorf("trial %d: measured on %+v", r.Number, m.Device)
			}
		}
	}
}

func stopAndContinue(t *testing.T, p *page) {
	q := request("1000")
	p.send(search.Command{Do: search.DoStart, Request: &q})
	messages := p.until(measured)
	p.send(search.Command{Do: search.DoStart, Request: &q})
	messages = append(messages, p.until(func(m search.Message) bool { return m.Error != "" })...)
	wantError(t, messages, "start: a search is under way")
	p.send(search.Command{Do: search.DoStop})
	rest := p.until(idle)
	first := done(t, rest)
	if first.Reason != search.DoneInterrupted || first.Measured < 1 {
		t.Fatalf("stopped: %+v", first)
	}
	events := kept(append(messages, rest...))

	// It goes on where it ended, with another page and whatever that asks for.
	p.reload()
	_, replayed := p.open()
	if got := kept(replayed); !reflect.DeepEqual(got, events) {
		t.Errorf("reloaded: %d events, want %d", len(got), len(events))
	}
	if last := replayed[len(replayed)-1]; !last.Replayed || last.Event.Progress == nil || last.Event.Progress.Measured != first.Measured {
		t.Errorf("reloaded: the last message is %+v", last)
	}
	q = request(fmt.Sprint(first.Measured + 2))
	q.Setup = trial.Setup{}
	messages = p.search(q)
	if got, want := done(t, messages), (trial.Done{Reason: search.DoneBudget, Measured: first.Measured + 2}); got != want {
		t.Errorf("continued: got %+v, want %+v", got, want)
	}
	if _, err := study.Replay(append(events, kept(messages)...), nil, nil); err != nil {
		t.Error(err)
	}
}

func exportAndImport(t *testing.T, p *page) {
	events := kept(p.search(request("3")))
	var want strings.Builder // as files keep it
	for _, e := range events {
		line, err := study.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		want.Write(append(line, '\n'))
	}
	text := p.export()
	if text != want.String() {
		t.Errorf("exported %q, want %q", text, want.String())
	}

	p.send(search.Command{Do: search.DoForget})
	p.answer()
	p.reload()
	if _, rest := p.open(); len(rest) != 0 {
		t.Errorf("forgotten, but open says %+v", rest)
	}
	p.send(search.Command{Do: search.DoImport, Journal: text[:len(text)-9]}) // torn
	if got := kept(p.answer()); !reflect.DeepEqual(got, events[:len(events)-1]) {
		t.Errorf("imported %d events, want %d", len(got), len(events)-1)
	}
	p.send(search.Command{Do: search.DoImport, Journal: "name,params\n"})
	wantError(t, p.answer(), "import: line 1: not a journal")
	p.reload()
	if _, rest := p.open(); !reflect.DeepEqual(kept(rest), events[:len(events)-1]) {
		t.Errorf("kept are %d events, want %d", len(kept(rest)), len(events)-1)
	}
	// The measurement that was torn off is made again.
	if got, want := done(t, p.search(request("4"))), (trial.Done{Reason: search.DoneBudget, Measured: 4}); got != want {
		t.Errorf("continued: got %+v, want %+v", got, want)
	}
}

// A candidate that the browser refuses its memory fails, and the search goes on.
func memoryRefused(t *testing.T, p *page) {
	q := request("3")
	layer := arch.Layer{Heads: 16, DInner: 4096}
	large := arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 1024, MaxLen: 32, Layers: []arch.Layer{layer, layer, layer}}
	q.Overlays = []arch.Architecture{large} // 144 MiB of weights
	messages := p.search(q)
	if got, want := done(t, messages), (trial.Done{Reason: search.DoneBudget, Measured: 3, Failed: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, e := range kept(messages) {
		if f := e.Failed; f != nil && (f.Number != 1 || f.Reason != "prepare: RangeError: could not allocate memory") {
			t.Errorf("failed: %+v", f)
		}
	}
}

func noSIMD(t *testing.T, p *page) {
	device, rest := p.open()
	wantError(t, rest, "has no SIMD")
	if slices.Contains(device.Features, "simd128") {
		t.Errorf("device is %+v", device)
	}
	q := request("3")
	p.send(search.Command{Do: search.DoStart, Request: &q})
	wantError(t, p.answer(), "has no SIMD")
}

func notACommand(t *testing.T, p *page) {
	p.post("{")
	wantError(t, p.answer(), "command is not understood")
	browsertest.Eval[bool](t, p.ctx, "worker.postMessage({do: 'open'}), true")
	wantError(t, p.answer(), "must be a string of JSON, not of type object")
	browsertest.Eval[bool](t, p.ctx, `worker.postMessage(['{"do":"open"}', "text"]), true`)
	wantError(t, p.answer(), "beside a command may be a file, not a value of type string")
}

// The page hears in onerror, and only there, that there is no worker.
func notLoaded(t *testing.T, p *page) {
	messages := p.until(func(m search.Message) bool { return strings.HasPrefix(m.Error, "onerror: ") })
	wantError(t, messages, "page.wasm cannot be loaded: 404 Not Found")
}

// The pages of an origin search one after the other.
func twoSearches(t *testing.T, p *page) {
	browsertest.Eval[bool](t, p.ctx, `new Promise((taken) => navigator.locks.request("litefront-search", () => {
		taken(true);
		return new Promise((release) => { globalThis.release = release; });
	}))`)
	messages := p.search(request("2"))
	wantError(t, messages, "another tab is searching")
	if len(kept(messages)) != 0 {
		t.Errorf("refused, but it says %+v", messages)
	}
	browsertest.Eval[bool](t, p.ctx, "release(), true")
	for range 2 { // its own lock is released too
		if got, want := done(t, p.search(request("2"))), (trial.Done{Reason: search.DoneBudget, Measured: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// Once another page has written, this worker keeps nothing more: the study of one
// page never takes in a result of another's.
func changedElsewhere(edit string) func(*testing.T, *page) {
	return func(t *testing.T, p *page) {
		q := request("1000")
		p.send(search.Command{Do: search.DoStart, Request: &q})
		messages := p.until(measured)
		browsertest.Eval[bool](t, p.ctx, fmt.Sprintf("change(1, (store) => { %s; })", edit))
		messages = append(messages, p.until(idle)...)
		wantError(t, messages, "another page has changed it in the meantime")
		p.send(search.Command{Do: search.DoExport})
		for _, m := range p.answer() {
			if n := strings.Count(m.Journal, "other"); m.Journal != "" && (n != 1 || !strings.HasSuffix(m.Journal, "other\n")) {
				t.Errorf("something follows what the other page wrote: %s", m.Journal)
			}
		}
	}
}

// What a newer program kept is left alone.
func newerJournal(t *testing.T, p *page) {
	line, err := study.Encode(trial.Event{V: 2, Kind: trial.KindSetting, Seq: 1, Setting: &trial.Setting{Name: "a", Value: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	p.open() // makes the database
	browsertest.Eval[bool](t, p.ctx, fmt.Sprintf("change(1, (store) => store.put(%q, 1))", line))
	_, rest := p.open()
	wantError(t, rest, "the kept study cannot be read: line 1: event version 2 is not supported")
	wantError(t, p.search(request("3")), "event version 2 is not supported")
	if got := p.export(); got != string(line)+"\n" {
		t.Errorf("exported %q", got)
	}
}

func newerDatabase(t *testing.T, p *page) {
	p.open()
	browsertest.Eval[bool](t, p.ctx, "change(2, () => {})")
	for range 2 { // the first finds its connection closed
		p.reload()
		_, rest := p.open()
		wantError(t, rest, "the browser's storage cannot be read: it was written by a newer version of this program")
	}
}

// A full storage ends the search; what is kept stays.
func quota(t *testing.T, p *page) {
	limit := func(bytes *float64) {
		t.Helper()
		_, err := chromedp.Run(p.ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: p.server, QuotaSize: bytes})
			return chromedp.Void{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	few := 100e3 // bytes
	limit(&few)
	messages := p.search(request("1000"))
	wantError(t, messages, "could not be kept: the browser's storage is full")
	events := kept(messages)
	for _, e := range events {
		if e.Failed != nil {
			t.Errorf("candidate %d failed: %s", e.Failed.Number, e.Failed.Reason)
		}
	}
	_, rest := p.open()
	if got := kept(rest); !reflect.DeepEqual(got, events) {
		t.Errorf("kept are %d events, want %d", len(got), len(events))
	}

	limit(nil) // there is room again
	st, err := study.Replay(events, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	more := st.Progress().Measured + 1
	if got, want := done(t, p.search(request(fmt.Sprint(more)))), (trial.Done{Reason: search.DoneBudget, Measured: more}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
