package runtime

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tetratelabs/wazero/sys"

	"litefront/searchcore/arch"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// told is what becomes of text that a guest writes in parts of n bytes.
func told(t testing.TB, text string, n int) (l *guestLines, kept, watched []trial.Event) {
	t.Helper()
	j := &memory{}
	l, err := newGuestLines(tinyRequest("4"), j, func(e trial.Event) { watched = append(watched, e) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		r := recover()
		if _, exit := r.(*sys.ExitError); r != nil && !exit || exit != (l.fault != nil) {
			t.Errorf("ended with %v and the fault %v", r, l.fault)
		}
		kept = j.events
	}()
	for part := ""; text != ""; {
		part, text = text[:min(n, len(text))], text[min(n, len(text)):]
		if got, err := l.Write([]byte(part)); got != len(part) || err != nil {
			t.Errorf("wrote %d bytes of %d, %v", got, len(part), err)
		}
	}
	return l, j.events, watched
}

func FuzzGuestLines(f *testing.F) {
	q, j := tinyRequest("2"), &memory{}
	var lines []string
	if _, _, err := q.Run(f.Context(), &virtual{}, j, func(e trial.Event) {
		line, err := study.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		lines = append(lines, string(line)+"\n")
	}); err != nil {
		f.Fatal(err)
	}
	whole := strings.Join(lines, "")
	if l, kept, watched := told(f, whole, len(whole)); l.fault != nil || l.end() != nil || len(watched) != len(lines) || len(kept) != len(j.events) || l.done == nil {
		f.Fatalf("a good guest: fault %v, %d events of %d, %d kept, done %+v", l.fault, len(watched), len(lines), len(kept), l.done)
	}
	f.Add(whole, 7)
	f.Add(whole+whole, 1000)
	f.Add(lines[0]+lines[0], 1)
	f.Add(whole[:len(whole)/2], 100)
	f.Add(strings.Join(lines[1:], ""), 50)
	f.Add(strings.Join(lines[:2], "")+strings.Join(lines[4:], ""), 50)
	f.Add("\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 1 {
			n = 1
		}
		whole, kept, all := told(t, text, len(text)+1)
		parts, keptParts, some := told(t, text, n)
		if errorText(whole.fault) != errorText(parts.fault) || len(all) != len(some) || len(kept) != len(keptParts) {
			t.Errorf("at once: %d events, %d kept, fault %v; in parts of %d: %d, %d, %v", len(all), len(kept), whole.fault, n, len(some), len(keptParts), parts.fault)
		}
		if len(kept) > 0 {
			if _, err := study.Replay(kept, nil, nil); err != nil {
				t.Errorf("what was kept cannot be replayed: %v", err)
			}
		}
		if strings.Contains(errorText(whole.fault), "\n") {
			t.Errorf("more than one line: %v", whole.fault)
		}
	})
}

// A predicted frontier is announced, where it can be one.
func TestGuestLinesPredicted(t *testing.T) {
	q, j := tinyRequest("1"), &memory{}
	begun := ""
	if _, _, err := q.Run(t.Context(), &virtual{}, j, func(e trial.Event) {
		if e.Kind == trial.KindStarted {
			line, err := study.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			begun = string(line) + "\n"
		}
	}); err != nil {
		t.Fatal(err)
	}
	valid := arch.Architecture{Backbone: arch.GPT2, Vocab: 10, DModel: 8, MaxLen: 16, Layers: []arch.Layer{{Heads: 1, DInner: 8}}}
	for _, tt := range []struct {
		before    string
		predicted trial.Predicted
		fault     string
	}{
		{begun, trial.Predicted{Points: []trial.Prediction{{Arch: valid}}, Total: 3, Fitted: 12}, ""},
		{begun, trial.Predicted{Total: -5}, "the count -5 must not be negative"},
		{begun, trial.Predicted{Points: []trial.Prediction{{Arch: valid, Decode: trial.Estimate{LowMs: -1}}}}, "predicted point 0: -1 ms"},
		{begun, trial.Predicted{Points: slices.Repeat([]trial.Prediction{{Arch: valid}}, trial.MaxPredicted+1)}, "at most 200"},
		{"", trial.Predicted{Total: 3}, "before the study"},
	} {
		line, err := study.Encode(trial.Event{V: trial.EventVersion, Kind: trial.KindPredicted, Predicted: &tt.predicted})
		if err != nil {
			t.Fatal(err)
		}
		text := tt.before + string(line) + "\n"
		l, _, watched := told(t, text, len(text))
		announced := slices.ContainsFunc(watched, func(e trial.Event) bool { return e.Kind == trial.KindPredicted })
		if !strings.Contains(errorText(l.fault), tt.fault) || announced != (tt.fault == "") {
			t.Errorf("%d points, %d in all: announced %v, fault %v; want %q", len(tt.predicted.Points), tt.predicted.Total, announced, l.fault, tt.fault)
		}
	}
}

// What the journal could not keep is no fault of the guest's, which hears of it
// and goes on; what it writes then may still be.
func TestGuestLinesOfFullJournal(t *testing.T) {
	q := tinyRequest("2")
	line, err := study.Encode(trial.Event{V: trial.EventVersion, Kind: trial.KindStarted, Seq: 1,
		Started: &trial.Started{Study: q.Name, Code: q.Code, Setup: q.Setup}})
	if err != nil {
		t.Fatal(err)
	}
	line = append(line, '\n')
	j := &memory{fail: 1}
	l, err := newGuestLines(q, j, func(trial.Event) { t.Error("announced what was not kept") })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write(line); !errors.Is(err, syscall.EIO) || !errors.Is(l.fault, errFull) || l.study != nil {
		t.Errorf("a full journal gives %v, the fault %v and the study %v", err, l.fault, l.study)
	}
	func() {
		defer func() {
			if _, exit := recover().(*sys.ExitError); !exit {
				t.Error("garbage after that does not end the guest")
			}
		}()
		_, _ = l.Write([]byte("garbage\n")) // panics
	}()
	if !errors.Is(l.fault, errFull) {
		t.Errorf("the first fault became %v", l.fault)
	}
	j.fail, l.watch = 0, nil
	if _, err := l.Write(line); err != nil || len(j.events) != 1 {
		t.Errorf("with room again: %v, %d events", err, len(j.events))
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
