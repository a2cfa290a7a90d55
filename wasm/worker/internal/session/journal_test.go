package session_test

import (
	"reflect"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func export(t testing.TB, w *worker) string {
	t.Helper()
	messages := w.ask(search.Command{Do: search.DoExport})
	wantNone(t, messages)
	if len(messages) != 1 {
		t.Fatalf("export says %+v", messages)
	}
	return messages[0].Journal
}

func TestExportForgetImport(t *testing.T) {
	w := newWorker(t, searched(t))
	text := export(t, w)
	if want := strings.Join(w.store.lines, "\n") + "\n"; text != want {
		t.Errorf("exported %q, want %q", text, want)
	}
	before := w.ask(open)

	messages := w.ask(search.Command{Do: search.DoForget})
	device, features := w.engine.Device(), w.engine.Features()
	if !reflect.DeepEqual(messages, []search.Message{{Device: &device, Features: &features}, {State: search.StateIdle}}) {
		t.Errorf("forget says %+v", messages)
	}
	if len(w.store.lines) != 0 {
		t.Errorf("%d lines kept", len(w.store.lines))
	}

	messages = w.ask(search.Command{Do: search.DoImport, Journal: text})
	if !reflect.DeepEqual(messages, before) {
		t.Errorf("import says %+v, want %+v", messages, before)
	}
	if again := export(t, w); again != text {
		t.Errorf("exported %q, want %q", again, text)
	}
	wantNone(t, w.search(request("5")))
}

// line is an event as a journal keeps it.
func line(t testing.TB, e trial.Event) string {
	t.Helper()
	b, err := study.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestImport(t *testing.T) {
	store := searched(t)
	lines := store.lines
	whole := strings.Join(lines, "\n")
	newer := line(t, trial.Event{V: 2, Kind: trial.KindSetting, Seq: 3, Setting: &trial.Setting{Name: "budget", Value: "5"}})
	for _, test := range []struct {
		name, text string
		kept       int    // lines, if it is accepted
		want       string // the error, if not
	}{
		{"whole", whole + "\n", 10, ""},
		{"last line break missing", whole, 10, ""},
		{"torn last line", whole[:len(whole)-7], 9, ""},
		{"only the start", lines[0] + "\n", 1, ""},
		{"empty", "", 0, "line 1: not a journal"},
		{"another file", "name,params\n1,2\n", 0, "line 1: not a journal"},
		{"torn first line", lines[0][:50], 0, "line 1: damaged line"},
		{"damage in the middle", strings.Replace(whole, `"trial":1`, `"trial":7`, 1), 0, "line 3: damaged line"},
		{"damaged last line", whole[:len(whole)-7] + "\n", 0, "line 10: damaged line"},
		{"line missing", strings.Join(append(lines[:2:2], lines[3:]...), "\n"), 0, "line 3: event has seq 4"},
		{"does not begin", lines[1], 0, "line 1: event has seq 2"},
		{"empty line", lines[0] + "\n\n" + lines[1], 0, "line 2: damaged line"},
		{"newer version", lines[0] + "\n" + lines[1] + "\n" + newer + "\n", 0, "line 3: event version 2 is not supported; this program reads version 1"},
		{"impossible", lines[0] + "\n" + line(t, trial.Event{V: 1, Kind: trial.KindFailed, Seq: 2, Failed: &trial.Failed{Number: 9, Token: "9.1", Reason: "x"}}), 0, "trial 9 was never asked"},
	} {
		w := newWorker(t, &memory{lines: lines[:6]})
		messages := w.ask(search.Command{Do: search.DoImport, Journal: test.text})
		want := lines[:6]
		if test.want == "" {
			wantNone(t, messages)
			want = lines[:test.kept]
			if n := len(events(messages, true, kept...)); n != test.kept {
				t.Errorf("%s: %d events told, want %d", test.name, n, test.kept)
			}
		} else {
			wantError(t, messages, test.want)
		}
		if !reflect.DeepEqual(w.store.lines, want) {
			t.Errorf("%s: %d lines kept, want %d", test.name, len(w.store.lines), len(want))
		}
	}
}

// What is kept and not understood is told once, not touched, and can be taken
// away as it is.
func TestUnreadable(t *testing.T) {
	good := searched(t).lines
	newer := line(t, trial.Event{V: 2, Kind: trial.KindStarted, Seq: 1, Started: &trial.Started{Study: "s", Code: "v9"}})
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{newer}, "cannot be read: line 1: event version 2 is not supported"},
		{[]string{good[0], good[1][1:]}, "cannot be read: line 2: damaged line"},
		{[]string{good[0], good[2]}, "cannot be read: line 2: event has seq 3"},
		{[]string{line(t, trial.Event{V: 1, Kind: trial.KindSetting, Seq: 1, Setting: &trial.Setting{Name: "a", Value: "b"}})}, "must begin with"},
	} {
		w := newWorker(t, &memory{lines: test.lines})
		messages := w.ask(open)
		wantError(t, messages, test.want)
		wantIdleLast(t, messages, true)
		messages = w.search(request("4"))
		if len(errorsIn(messages)) != 1 || len(events(messages, false)) != 0 {
			t.Errorf("start says %+v", messages)
		}
		if !reflect.DeepEqual(w.store.lines, test.lines) {
			t.Errorf("%s: what is kept has changed", test.want)
		}
		if got, want := export(t, w), strings.Join(test.lines, "\n")+"\n"; got != want {
			t.Errorf("exported %q, want %q", got, want)
		}
		wantNone(t, w.ask(search.Command{Do: search.DoForget}))
		wantNone(t, w.search(request("4")))
	}
}

func FuzzImport(f *testing.F) {
	lines := searched(f).lines
	whole := strings.Join(lines, "\n")
	f.Add(whole + "\n")
	f.Add(whole[:len(whole)/2])
	f.Add(strings.ReplaceAll(whole, "\n", "\r\n"))
	f.Add(`{"v":1,"kind":"started"}`)
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorker(t, &memory{lines: lines})
		messages := w.ask(search.Command{Do: search.DoImport, Journal: text})
		if len(errorsIn(messages)) > 0 {
			if !reflect.DeepEqual(w.store.lines, lines) {
				t.Error("a refused import changed what is kept")
			}
			return
		}
		if back := export(t, w); !strings.HasPrefix(text+"\n", back) {
			t.Errorf("imported %q, exported %q", text, back)
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, text := range []string{`{"do":"open"}`, `{"do":"stop"}`, `{"do":"import","journal":"{\"v\":1"}`, `{"do":"start","request":{}}`, `{"do":"forget"} x`, `[1]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorker(t, new(memory))
		w.engine.during = func(int) error { // no search goes on
			w.send(search.Command{Do: search.DoStop})
			return nil
		}
		w.Do(text, nil)
		if len(w.take()) == 0 {
			t.Errorf("%q is not answered", text)
		}
	})
}
