package session_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

var open = search.Command{Do: search.DoOpen}

// searched is a store with a study of four trials.
func searched(t testing.TB) *memory {
	t.Helper()
	store := new(memory)
	wantNone(t, newWorker(t, store).search(request("4")))
	return store
}

func TestSearchAndReload(t *testing.T) {
	w := newWorker(t, new(memory))
	messages := w.ask(open)
	wantNone(t, messages)
	device, features := w.engine.Device(), w.engine.Features()
	if want := []search.Message{{Device: &device, Features: &features}, {State: search.StateIdle}}; !reflect.DeepEqual(messages, want) {
		t.Fatalf("open says %+v, want %+v", messages, want)
	}

	messages = w.search(request("4"))
	wantNone(t, messages)
	if first, last := messages[0], messages[len(messages)-1]; first.State != search.StateSearching || last.State != search.StateIdle {
		t.Errorf("a search goes from %+v to %+v", first, last)
	}
	told := events(messages, false, kept...)
	if n := len(told); n != 1+1+4+4 || n != len(w.store.lines) {
		t.Fatalf("%d events told, %d kept; want 10", n, len(w.store.lines))
	}
	for i, e := range told {
		if line, err := study.Encode(e); err != nil || string(line) != w.store.lines[i] {
			t.Errorf("event %d is kept as %s, told as %s, %v", i+1, w.store.lines[i], line, err)
		}
	}
	done := events(messages, false, trial.KindDone)
	if want := (trial.Done{Reason: search.DoneBudget, Measured: 4}); len(done) != 1 || *done[0].Done != want {
		t.Errorf("done is %+v, want %+v", done, want)
	}

	// Another page hears the same events, and where they led.
	again := newWorker(t, w.store).ask(open)
	wantNone(t, again)
	if got := events(again, true, kept...); !reflect.DeepEqual(got, told) {
		t.Errorf("reloaded: got %+v, want %+v", got, told)
	}
	frontiers := events(messages, false, trial.KindFrontier)
	got := events(again, true, trial.KindFrontier)
	if len(got) != 1 || !reflect.DeepEqual(got[0], frontiers[len(frontiers)-1]) {
		t.Errorf("reloaded: the frontier is %+v, it was %+v", got, frontiers[len(frontiers)-1])
	}
	last := events(again, true, trial.KindProgress)
	if len(last) != 1 || last[0].Progress.Measured != 4 || last[0].Progress.ElapsedMs < 1 || last[0].Progress.Hypervolume <= 0 {
		t.Errorf("reloaded: progress is %+v", last)
	}
	wantIdleLast(t, again, true)
}

// wantIdleLast demands that the only state told is the last message, and whether
// it says that a study is kept.
func wantIdleLast(t testing.TB, messages []search.Message, kept bool) {
	t.Helper()
	for i, m := range messages {
		want := search.Message{}
		if i == len(messages)-1 {
			want = search.Message{State: search.StateIdle, Kept: kept}
		}
		if m.State != want.State || m.Kept != want.Kept {
			t.Errorf("message %d of %d is %+v", i+1, len(messages), m)
		}
	}
}

// A kept study goes on under its own setup, whatever the request says.
func TestContinue(t *testing.T) {
	store := searched(t)
	q := request("6")
	q.Name, q.Setup = "", trial.Setup{}
	q.Journal = []trial.Event{{V: 7}} // the worker keeps it, not the page
	messages := newWorker(t, store).search(q)
	wantNone(t, messages)
	measured := events(messages, false, trial.KindMeasured)
	if len(measured) != 2 || measured[0].Measured.Number != 5 || len(events(messages, false, trial.KindStarted)) != 0 {
		t.Errorf("measured again: %+v", measured)
	}
}

// What is measured while the page is hidden says so, and nothing later.
func TestHide(t *testing.T) {
	w := newWorker(t, new(memory))
	for _, hidden := range []bool{true, false} {
		if messages := w.ask(search.Command{Do: search.DoHide, Hidden: hidden}); len(messages) != 0 {
			t.Errorf("hide says %+v", messages)
		}
		messages := w.search(request("1"))
		wantNone(t, messages)
		measured := events(messages, false, trial.KindMeasured)
		if len(measured) != 1 || measured[0].Measured.Measurement.Background != hidden {
			t.Errorf("hidden %v, and told is %+v", hidden, measured)
		}
		w.ask(search.Command{Do: search.DoForget})
	}
}

// A page that was hidden during the last call of an attempt is told of after it, and
// still that attempt is made again, and no other.
func TestHideDuringTheLastCall(t *testing.T) {
	w := newWorker(t, new(memory))
	turns := 0
	w.Turn = func() error {
		if turns++; turns == 2 { // at the end of the first attempt
			w.send(search.Command{Do: search.DoHide, Hidden: true})
			w.send(search.Command{Do: search.DoHide})
		}
		return nil
	}
	messages := w.search(request("1"))
	wantNone(t, messages)
	measured := events(messages, false, trial.KindMeasured)
	if len(measured) != 1 || measured[0].Measured.Measurement.Repeats != 1 || measured[0].Measured.Measurement.Background {
		t.Errorf("told is %+v", measured)
	}
}

func TestStop(t *testing.T) {
	w := newWorker(t, new(memory))
	messages := w.ask(search.Command{Do: search.DoStop})
	if want := []search.Message{{State: search.StateIdle}}; !reflect.DeepEqual(messages, want) {
		t.Errorf("stop while idle says %+v, want %+v", messages, want)
	}

	stopAt := func(n int) func(int) error {
		return func(run int) error {
			if run == n {
				w.send(search.Command{Do: search.DoStop})
			}
			return nil
		}
	}
	w.engine.during = stopAt(200)
	messages = w.search(request("1000"))
	wantNone(t, messages)
	done := events(messages, false, trial.KindDone)
	if len(done) != 1 || done[0].Done.Reason != search.DoneInterrupted {
		t.Fatalf("done is %+v", done)
	}
	measured := done[0].Done.Measured
	if w.engine.runs != 200 || measured < 1 {
		t.Fatalf("stopped after %d runs, %d measured", w.engine.runs, measured)
	}

	// What was under way is measured first when it goes on.
	w.engine.during = nil
	messages = w.search(request(fmt.Sprint(measured + 1)))
	wantNone(t, messages)
	again := events(messages, false, trial.KindMeasured)
	if len(again) != 1 || again[0].Measured.Number != measured+1 || !strings.HasSuffix(again[0].Measured.Token, ".2") {
		t.Errorf("measured after the stop: %+v", again)
	}
}

func TestWhileSearching(t *testing.T) {
	w := newWorker(t, new(memory))
	var answers []search.Message
	w.engine.during = func(run int) error {
		if run != 100 {
			return nil
		}
		before := len(w.store.lines)
		for _, do := range []string{search.DoOpen, search.DoStart, search.DoForget, search.DoImport, search.DoModel, search.DoReport, search.DoSurvey, search.DoRead, search.DoProfile, search.DoSustain} {
			w.take()
			w.send(search.Command{Do: do, Request: request("4")})
			wantError(t, w.take(), do+": a search is under way")
		}
		w.send(search.Command{Do: search.DoExport})
		answers = w.take()
		if len(w.store.lines) != before {
			t.Errorf("%d lines kept, %d before", len(w.store.lines), before)
		}
		return nil
	}
	wantNone(t, w.search(request("4")))
	if len(answers) != 1 || strings.Count(answers[0].Journal, "\n") < 3 {
		t.Errorf("export while searching says %+v", answers)
	}
	if len(w.store.lines) != 10 {
		t.Errorf("%d lines kept, want 10", len(w.store.lines))
	}
}

func TestRefused(t *testing.T) {
	changed := func(change func(*search.Request)) search.Command {
		q := request("4")
		change(q)
		return search.Command{Do: search.DoStart, Request: q}
	}
	for _, test := range []struct {
		command search.Command
		want    string
	}{
		{search.Command{Do: search.DoStart}, "request is missing"},
		{changed(func(q *search.Request) { q.Budget = "soon" }), `budget "soon"`},
		{changed(func(q *search.Request) { q.Name = "" }), "study name"},
		{changed(func(q *search.Request) { q.Setup.Strategy = "luck" }), `strategy "luck"`},
		{changed(func(q *search.Request) {
			q.Overlays = []arch.Architecture{{Backbone: arch.GPT2, Vocab: 10, DModel: 8, MaxLen: 7, Layers: []arch.Layer{{Heads: 2, DInner: 8}}}}
		}), "max_sequence_length 7"},
		{search.Command{Do: search.DoExport}, "no study is kept"},
	} {
		w := newWorker(t, new(memory))
		w.send(test.command)
		if test.command.Request != nil {
			<-w.idle
		}
		wantError(t, w.take(), test.want)
		if len(w.store.lines) != 0 {
			t.Errorf("%s left %d lines", test.want, len(w.store.lines))
		}
		wantNone(t, w.search(request("1"))) // and the worker is none the worse
	}
}

func TestNotUnderstood(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{``, "not understood"},
		{`{`, "not understood"},
		{`[]`, "not understood"},
		{`{"do":"open"}]`, "something follows"},
		{`{"do":"open","speed":9}`, `unknown field "speed"`},
		{`{"do":"start","request":{"budget":7}}`, "not understood"},
		{`{}`, `command "" is unknown`},
		{`{"do":"dance"}`, `command "dance" is unknown; use export, forget, generate, hide, import, job, model, open, profile, read, report, start, stop, survey or sustain`},
	} {
		w := newWorker(t, new(memory))
		w.Do(test.text, nil)
		wantError(t, w.take(), test.want)
	}
}

// A panic is told, and the worker lives on.
func TestPanic(t *testing.T) {
	w := newWorker(t, new(memory))
	w.engine.during = func(run int) error {
		if run == 100 {
			panic("out of\nluck")
		}
		return nil
	}
	messages := w.search(request("4"))
	wantError(t, messages, "the worker failed: out of")
	if last := messages[len(messages)-1]; last.State != search.StateIdle {
		t.Errorf("the last message is %+v", last)
	}
	wantNone(t, w.search(request("4")))
	wantNone(t, w.ask(open))

	w.Session.Store = nil
	messages = w.ask(open)
	wantError(t, messages, "the worker failed")
	if !slices.ContainsFunc(messages, func(m search.Message) bool { return m.State == search.StateIdle && m.Kept }) {
		t.Errorf("open says %+v", messages)
	}
}

// A clock that is set during a search is told in a line, and changes nothing that is
// recorded; while nothing is measured it may be set as it likes.
func TestClockSet(t *testing.T) {
	w := newWorker(t, new(memory))
	rested := 0
	w.Rested = func() { rested++ }
	w.ClockSet(time.Hour)
	wantNone(t, w.take())
	w.engine.during = func(run int) error {
		switch run {
		case 50:
			w.ClockSet(time.Hour + 3*time.Millisecond)
		case 60:
			w.ClockSet(-time.Hour)
		}
		return nil
	}
	messages := w.search(request("4"))
	var lines []string
	for _, m := range messages {
		if m.Notice != "" {
			lines = append(lines, m.Notice)
		}
	}
	if len(errorsIn(messages)) != 0 || len(lines) != 2 || !strings.Contains(lines[0], "forward by 1h0m0s") || !strings.HasSuffix(lines[1], ", and the search goes on") || !strings.Contains(lines[1], "back by 1h0m0s") {
		t.Errorf("the page hears %q", lines)
	}
	if n := len(events(messages, false, trial.KindMeasured)); n != 4 || rested != 1 {
		t.Errorf("%d were measured, %d times nothing was", n, rested)
	}
}

// What is in a space is said in one message, mistakes too.
func TestSurvey(t *testing.T) {
	w := newWorker(t, new(memory))
	for _, test := range []struct {
		text string
		want search.Surveyed
	}{
		{"name = 7", search.Surveyed{Line: 1, Mistake: "name: incompatible types: TOML value has type int64; destination has type string"}},
		{"", search.Surveyed{Mistake: `name ""; allowed are 1 to 64 bytes`}},
	} {
		messages := w.ask(search.Command{Do: search.DoSurvey, Space: test.text})
		if want := []search.Message{{Surveyed: &test.want}}; !reflect.DeepEqual(messages, want) {
			t.Errorf("%q: %+v, want %+v", test.text, messages[0].Surveyed, test.want)
		}
	}
	preset, err := space.Preset("archai-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	text, err := preset.TOML()
	if err != nil {
		t.Fatal(err)
	}
	workload := trial.DefaultWorkload()
	messages := w.ask(search.Command{Do: search.DoSurvey, Space: string(text), Workload: &workload})
	if len(messages) != 1 || messages[0].Surveyed == nil || len(messages[0].Surveyed.Lines) < 8 || len(w.store.lines) != 0 {
		t.Errorf("a preset: %+v, and %d lines are kept", messages, len(w.store.lines))
	}
}

// What cannot be kept ends the search; what was kept before stays.
func TestStorageRefuses(t *testing.T) {
	for failAt := int64(1); failAt <= 10; failAt++ {
		w := newWorker(t, &memory{failAt: failAt})
		messages := w.search(request("4"))
		wantError(t, messages, "could not be kept: the storage is full")
		if n := int64(len(w.store.lines)); n != failAt-1 || n != int64(len(events(messages, false, kept...))) {
			t.Errorf("line %d refused: %d are kept", failAt, n)
		}
		w.store.failAt = 0
		wantNone(t, w.search(request("4"))) // there is room again
	}

	w := newWorker(t, searched(t))
	before := strings.Join(w.store.lines, "\n")
	w.store.fail = errFull
	wantError(t, w.ask(search.Command{Do: search.DoForget}), "could not be discarded: the storage is full")
	wantError(t, w.ask(search.Command{Do: search.DoImport, Journal: before}), "import: the study could not be kept: the storage is full")
	if after := strings.Join(w.store.lines, "\n"); after != before {
		t.Error("what is kept has changed")
	}
}

// Where nothing can be read, nothing is said of a study, and nothing begins.
func TestStorageDenied(t *testing.T) {
	w := newWorker(t, &memory{denied: true})
	const want = "the browser's storage cannot be read: access is denied"
	messages := w.ask(open)
	wantError(t, messages, want)
	wantIdleLast(t, messages, true) // nobody knows
	wantError(t, w.search(request("4")), want)
	wantError(t, w.ask(search.Command{Do: search.DoExport}), want)
	if w.engine.runs != 0 {
		t.Errorf("%d runs", w.engine.runs)
	}
}

// A study that another page changed is left to that page, also where it has as
// many lines as the one that this page goes on with.
func TestChangedElsewhere(t *testing.T) {
	for name, change := range map[string]func(lines []string) []string{
		"added to":  func(lines []string) []string { return append(lines, "other") },
		"discarded": func([]string) []string { return nil },
		"replaced":  func(lines []string) []string { return append(lines[:len(lines)-1:len(lines)-1], "other") },
	} {
		w := newWorker(t, searched(t))
		var changed []string
		w.engine.during = func(run int) error {
			if run == 100 {
				w.send(search.Command{Do: search.DoExport}) // reads, and changes nothing about that
				w.store.lines = change(w.store.lines)
				changed = slices.Clone(w.store.lines)
				w.send(search.Command{Do: search.DoExport})
			}
			return nil
		}
		var lines []string
		for _, line := range errorsIn(w.search(request("1000"))) {
			if !strings.HasPrefix(line, "export: ") {
				lines = append(lines, line)
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], errElsewhere.Error()) {
			t.Errorf("%s: errors %q", name, lines)
		}
		if !slices.Equal(w.store.lines, changed) {
			t.Errorf("%s: what the other page keeps has changed", name)
		}
	}
}

// One search at a time has the device.
func TestLock(t *testing.T) {
	w := newWorker(t, new(memory))
	held := true
	w.Lock = func() (func(), error) {
		if held {
			return nil, errors.New("another tab is searching")
		}
		held = true
		return func() { held = false }, nil
	}
	messages := w.search(request("2"))
	wantError(t, messages, "another tab is searching")
	if len(messages) != 3 || w.engine.runs != 0 || len(w.store.lines) != 0 {
		t.Errorf("refused, but says %+v after %d runs", messages, w.engine.runs)
	}
	held = false
	wantNone(t, w.search(request("2")))
	// What a search elsewhere adds to is neither discarded nor replaced.
	held = true
	kept := slices.Clone(w.store.lines)
	for _, c := range []search.Command{{Do: search.DoForget}, {Do: search.DoImport, Journal: strings.Join(kept[:1], "\n") + "\n"}} {
		if wantError(t, w.ask(c), "another tab is searching"); !slices.Equal(w.store.lines, kept) {
			t.Errorf("%s: %d lines are left of %d", c.Do, len(w.store.lines), len(kept))
		}
	}
	held = false
	if held {
		t.Error("the lock is held after the search")
	}
}

// A device that can run nothing still shows what is kept.
func TestUnfit(t *testing.T) {
	w := newWorker(t, searched(t))
	w.Unfit = errors.New("no SIMD")
	messages := w.ask(open)
	wantError(t, messages, "no SIMD")
	wantIdleLast(t, messages, true)
	if n := len(events(messages, true, kept...)); n != 10 {
		t.Errorf("%d events told, want 10", n)
	}
	messages = w.ask(search.Command{Do: search.DoStart, Request: request("6")})
	wantError(t, messages, "no SIMD")
	if len(messages) != 1 || w.engine.runs != 0 {
		t.Errorf("start says %+v after %d runs", messages, w.engine.runs)
	}
}
