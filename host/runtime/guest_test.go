package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// built compiles a package to a wasip1 command, once.
func built(pkg string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		tmp, err := os.MkdirTemp("", "guest")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(tmp)
		file := filepath.Join(tmp, "guest.wasm")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, pkg)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		return os.ReadFile(file)
	})
}

var (
	edge    = built("litefront/wasm/edge")
	hostile = built("litefront/host/runtime/testdata/hostile")
)

func wasmOf(t testing.TB, build func() ([]byte, error)) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles a guest")
	}
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// virtual is a target on a clock of its own, where a run of a module takes
// longer the larger the module is. It takes whole milliseconds, whose sums are
// exact: gonum adds in another order where it has assembly.
type virtual struct {
	time     int64
	runs     int
	prepared []string // hashes, with a mark where compiled code is worth keeping
	live     int      // programs that are not closed
	// during, if not nil, is called in the n-th run, counted from 1; an error is
	// what the run gives. After one that says the device is at fault, nothing can
	// be prepared either.
	during func(n int) error
	broken error
}

func (v *virtual) Device() trial.Device       { return trial.Device{Name: "virtual", TimerStepNs: 1} }
func (v *virtual) Features() kernels.Features { return kernels.Features{} }
func (v *virtual) Now() int64                 { return v.time }

func (v *virtual) Prepare(m *kernels.Module) (measure.Program, error) {
	if v.broken != nil {
		return nil, v.broken
	}
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	compiled, err := rt.CompileModule(ctx, m.Bytes)
	if err != nil {
		return nil, err
	}
	v.prepared = append(v.prepared, fmt.Sprint(m.SHA256, m.Fixed))
	v.live++
	pages := compiled.ExportedMemories()["memory"].Min()
	return &virtualProgram{v, int64(len(m.Bytes)), int64(pages)}, nil
}

type virtualProgram struct {
	device      *virtual
	size, pages int64
}

func (p *virtualProgram) Run(c measure.Call) (int64, error) {
	v := p.device
	if v.runs++; v.during != nil {
		if err := v.during(v.runs); err != nil {
			if errors.Is(err, measure.ErrDevice) {
				v.broken = err
				err = measure.ErrLost
			}
			return 0, err
		}
	}
	ns := int64(max(c.Reps, 1)) * (1 + p.size/256) * 1e6
	v.time += ns
	return ns, nil
}

func (p *virtualProgram) Footprint() (measure.Footprint, error) {
	return measure.Footprint{LinearBytes: p.pages << 16, RSSBytes: p.size}, nil
}

func (p *virtualProgram) Close() error {
	p.device.live--
	return nil
}

// memory is a journal that fails at the append with the number fail.
type memory struct {
	events []trial.Event
	fail   int
}

var errFull = errors.New("disk full")

func (m *memory) Append(e trial.Event) error {
	if len(m.events)+1 == m.fail {
		return errFull
	}
	m.events = append(m.events, e)
	return nil
}

// ids are the architectures that were asked for, in their order.
func (m *memory) ids() (ids []string) {
	for _, e := range m.events {
		if e.Asked != nil {
			ids = append(ids, e.Asked.Arch.ID())
		}
	}
	return ids
}

// tinyRequest is a search in a space whose modules compile quickly.
func tinyRequest(budget string) search.Request {
	return search.Request{Name: "test", Code: "v0", Budget: budget, Setup: trial.Setup{
		Space: space.Space{Name: "tiny", Backbone: arch.GPT2, Vocab: 300, MaxLen: 64, NLayer: space.Choices{1, 2, 3},
			DModel: space.Choices{16, 32, 48, 64}, NHead: space.Choices{1, 2, 4}, DInner: space.Choices{16, 32, 64, 96, 128}},
		Workload:    trial.Workload{PromptLen: 32, Context: 48, Precision: trial.F32, Threads: 1},
		Objectives:  []string{"decoder_params", "prefill_ms", "peak_mb"},
		Strategy:    "lts",
		Protocol:    trial.LTS,
		Seed:        3,
		MemoryLimit: 1 << 30,
	}}
}

// core is a way to run a request.
type core func(q search.Request, ctx context.Context, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error)

// cores are the native one and the guest.
func cores(t testing.TB) map[string]core {
	wasm, cache := wasmOf(t, edge), t.TempDir()
	return map[string]core{
		"native": search.Request.Run,
		"guest": func(q search.Request, ctx context.Context, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error) {
			return RunGuest(ctx, wasm, cache, q, target, j, watch)
		},
	}
}

// outcome is everything that can be seen of a search.
type outcome struct {
	Done     trial.Done
	Err      string
	Journal  []trial.Event
	Watched  []trial.Event
	Prepared []string
	Runs     int
	Live     int
	Measured int // in the study; -1 without one
}

func (c core) outcome(q search.Request, v *virtual, j *memory) (o outcome) {
	// A journal on the disk holds what was announced, so the order is seen here.
	st, done, err := c(q, context.Background(), v, j, func(e trial.Event) {
		if e.Seq > int64(len(j.events)) {
			e.Kind = "announced before it was kept"
		}
		o.Watched = append(o.Watched, e)
	})
	o.Done, o.Journal, o.Prepared, o.Runs, o.Live, o.Measured = done, j.events, v.prepared, v.runs, v.live, -1
	if err != nil {
		o.Err = err.Error()
	}
	if st != nil {
		o.Measured = st.Progress().Measured
	}
	return o
}

// equal compares by the JSON, whose numbers are exact: what crossed a wall has
// nil lists where others are empty.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	a, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		i := 0
		for i < min(len(a), len(b)) && a[i] == b[i] {
			i++
		}
		from := max(i-300, 0)
		t.Errorf("%s:\n%s\nwant:\n%s", what, a[from:min(i+100, len(a))], b[from:min(i+100, len(b))])
	}
}

func TestGuest(t *testing.T) {
	both := cores(t) // compiled once
	t.Run("is the same search", func(t *testing.T) { sameSearch(t, both) })
	t.Run("resumes", func(t *testing.T) { resumes(t, both) })
	t.Run("on an engine", func(t *testing.T) { onEngine(t, both["guest"]) })
}

// With the same device, everything that can be seen from outside is the same.
func sameSearch(t *testing.T, both map[string]core) {
	lost := func(n int) error {
		if n == 30 {
			return fmt.Errorf("%w: it was killed", measure.ErrLost)
		}
		return nil
	}
	gone := func(n int) error {
		if n == 30 {
			return fmt.Errorf("%w: no engine starts", measure.ErrDevice)
		}
		return nil
	}
	for _, test := range []struct {
		name   string
		change func(*search.Request)
		during func(n int) error
		fail   int
		want   trial.Done
	}{
		// The initial population, and what is bred from it.
		{"generations", func(q *search.Request) { q.Budget = "112" }, nil, 0, trial.Done{Reason: search.DoneBudget, Measured: 112}},
		{"sentinels", func(q *search.Request) { q.Setup.Protocol, q.TrialTimeMs = trial.Litefront, 50 }, nil, 0, trial.Done{Reason: search.DoneBudget, Measured: 4}},
		{"time", func(q *search.Request) { q.Budget = "7s" }, nil, 0, trial.Done{Reason: search.DoneBudget, Measured: 3}},
		{"engine lost", nil, lost, 0, trial.Done{Reason: search.DoneBudget, Measured: 3, Failed: 1}},
		{"engine lost under sentinels", func(q *search.Request) { q.Setup.Protocol, q.TrialTimeMs = trial.Litefront, 50 }, lost, 0, trial.Done{Reason: search.DoneBudget, Measured: 4}},
		{"device gone", nil, gone, 0, trial.Done{Reason: search.DoneFailed, Measured: 1, Failed: 1}},
		{"traps", nil, func(n int) error {
			return errors.New("unreachable\nwasm stack trace:\n\t" + strings.Repeat("long ", 100))
		}, 0, trial.Done{Reason: search.DoneBudget, Failed: 4}},
		{"broken device", func(q *search.Request) { q.Budget = "50" }, func(int) error { return errors.New("unwell") }, 0, trial.Done{Reason: search.DoneFailed, Failed: 10}},
		{"overlay", func(q *search.Request) { q.Overlays = []arch.Architecture{testArchTiny()} }, nil, 0, trial.Done{Reason: search.DoneBudget, Measured: 5}},
		{"exhausted", func(q *search.Request) {
			q.Setup.Space.NLayer, q.Setup.Space.DModel, q.Setup.Space.NHead = space.Choices{1}, space.Choices{16}, space.Choices{1}
			q.Budget = "50"
		}, nil, 0, trial.Done{Reason: search.DoneExhausted, Measured: 5}},
		{"disk full at once", nil, nil, 1, trial.Done{}},
		{"disk full when asking", nil, nil, 5, trial.Done{Reason: search.DoneFailed, Measured: 1}},
		{"disk full when telling", nil, nil, 6, trial.Done{Reason: search.DoneFailed, Measured: 1}},
		{"refused", func(q *search.Request) { q.Setup.Strategy = "luck" }, nil, 0, trial.Done{}},
		{"bad journal", func(q *search.Request) { q.Journal = []trial.Event{{V: 1, Seq: 7}} }, nil, 0, trial.Done{}},
		{"bad time", func(q *search.Request) { q.TrialTimeMs = -1 }, nil, 0, trial.Done{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := tinyRequest("4")
			if test.change != nil {
				test.change(&q)
			}
			outcomes := map[string]outcome{}
			for name, c := range both {
				outcomes[name] = c.outcome(q, &virtual{during: test.during}, &memory{fail: test.fail})
			}
			equal(t, "the guest gives", outcomes["guest"], outcomes["native"])
			if o := outcomes["guest"]; o.Done != test.want || strings.Contains(o.Err, "\n") {
				t.Errorf("done %+v with error %q; want %+v", o.Done, o.Err, test.want)
			}
		})
	}
}

func testArchTiny() arch.Architecture {
	return arch.Architecture{Backbone: arch.GPT2, Vocab: 300, DModel: 24, MaxLen: 64, Layers: []arch.Layer{{Heads: 3, DInner: 40}}}
}

// A study goes from one core to the other and back, through interruptions, and
// asks for what it would have asked for without them.
func resumes(t *testing.T, both map[string]core) {
	whole := &memory{}
	if _, _, err := both["native"](tinyRequest("110"), context.Background(), &virtual{}, whole, nil); err != nil {
		t.Fatal(err)
	}
	j := &memory{}
	for session, name := range []string{"guest", "native", "guest", "guest", "native", "guest"} {
		q := tinyRequest("110")
		q.Journal = slices.Clone(j.events)
		ctx, cancel := context.WithCancel(context.Background())
		v := &virtual{}
		if session < 5 {
			v.during = func(n int) error {
				if n == 400 { // in the middle of a candidate
					cancel()
				}
				return nil
			}
		}
		st, done, err := both[name](q, ctx, v, j, nil)
		cancel()
		if err != nil || st == nil {
			t.Fatalf("session %d: %v", session, err)
		}
		if reason := map[bool]string{true: search.DoneInterrupted, false: search.DoneBudget}[session < 5]; done.Reason != reason {
			t.Fatalf("session %d ended with %+v, want %q", session, done, reason)
		}
		if v.live != 0 {
			t.Errorf("session %d left %d programs", session, v.live)
		}
		if trials := st.Trials(); session < 5 && trials[len(trials)-1].Status != study.Outstanding {
			t.Errorf("session %d: the trial that was interrupted is %s", session, trials[len(trials)-1].Status)
		}
	}
	if got, want := slices.Compact(j.ids()), whole.ids(); !slices.Equal(got, want) {
		t.Errorf("resumed, %d architectures were asked for:\n%v\nwant %d:\n%v", len(got), got, len(want), want)
	}
}

// The candidates of the guest run in a child process, as the native core's do.
func onEngine(t *testing.T, guest core) {
	p := process(t, time.Minute)
	q := tinyRequest("3")
	q.Setup.Protocol, q.TrialTimeMs = trial.Litefront, 20
	st, done, err := guest(q, context.Background(), p, nil, nil)
	if err != nil || done.Measured != 3 {
		t.Fatalf("%+v, %v", done, err)
	}
	for _, r := range st.Trials() {
		m := r.Measurement
		if !reflect.DeepEqual(m.Device, p.Device()) || m.Prefill.MedianMs <= 0 || m.Slowdown <= 0 || m.MemoryBytes <= 0 || m.CompileMs <= 0 {
			t.Errorf("measured %+v", m)
		}
	}
}

// A guest that breaks the contract gets one line, and what was kept stays.
func TestHostileGuest(t *testing.T) {
	wasm, cache := wasmOf(t, hostile), t.TempDir()
	for _, test := range []struct {
		name, want string
		kept       int
		done       bool
	}{
		{"garbage", "guest: it wrote a line that is no event of this search: damaged line: no checksum", 0, false},
		{"plain", "no checksum", 0, false},
		{"empty line", "no checksum", 0, false},
		{"silent", "guest: it ended without saying that the search is done", 0, false},
		{"torn", "guest: it ended in the middle of a line", 0, false},
		{"endless line", "longer than the limit of 4194304 bytes", 0, false},
		{"skips", "event 2: seq 2 where 1 must follow", 0, false},
		{"repeats", "event 1: seq 1 where 2 must follow", 1, false},
		{"not kept", "event 0: seq 0 where 1 must follow", 0, false},
		{"kept", `event "progress" has seq 1, but is not kept`, 0, false},
		{"goes on", `event "progress" after the search was done`, 0, true},
		{"no study", `event 1: kind "setting" where a study must begin with "started"`, 0, false},
		{"another study", "the study is not the one that was asked for", 0, false},
		{"no event of the study", "event 3: trial 1 was never asked", 2, false},
		{"another frontier", "guest: it crashed with exit code 3", 1, false},
		{"exits", "guest: it crashed with exit code 3", 0, false},
		{"says none", "guest: it crashed with exit code 1", 0, false},
		{"panics", "guest: it crashed with exit code 2: panic: on purpose", 0, false},
		{"greedy", "guest: it crashed with exit code 2: runtime: out of memory", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			q, j := tinyRequest("4"), &memory{}
			q.Name = test.name
			var watched []trial.Event
			st, done, err := RunGuest(context.Background(), wasm, cache, q, &virtual{}, j, func(e trial.Event) { watched = append(watched, e) })
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, test.want)
			}
			if len(j.events) != test.kept || (done != trial.Done{}) != test.done {
				t.Errorf("%d events kept, done %+v; want %d", len(j.events), done, test.kept)
			}
			for _, e := range watched {
				if e.Kind == trial.KindFrontier {
					t.Error("a frontier of the guest's own was announced")
				}
			}
			if st == nil != (len(j.events) == 0) {
				t.Errorf("%d events kept, and the study is %v", len(j.events), st)
			}
			if st != nil {
				if _, err := study.Replay(j.events, nil, nil); err != nil {
					t.Errorf("the journal is poisoned: %v", err)
				}
			}
		})
	}

	// What a guest does to a study that was begun before it.
	t.Run("earlier study", func(t *testing.T) {
		q, j := tinyRequest("1"), &memory{}
		if _, _, err := q.Run(context.Background(), &virtual{}, j, nil); err != nil {
			t.Fatal(err)
		}
		before := len(j.events)
		q.Name, q.Journal = "no event of an earlier study", slices.Clone(j.events)
		st, _, err := RunGuest(context.Background(), wasm, cache, q, &virtual{}, j, nil)
		if want := "the study has started already"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if len(j.events) != before || st == nil || st.Progress().Measured != 1 {
			t.Errorf("%d events became %d", before, len(j.events))
		}
	})

	t.Run("memory", func(t *testing.T) {
		q, v := tinyRequest("4"), &virtual{}
		q.Name = "memory"
		_, _, err := RunGuest(context.Background(), wasm, cache, q, v, nil, nil)
		const want = "-1 the module may have 4294967296 bytes of memory, more than the 1174536192 that are left; " +
			"-1 the module may have 1174601728 bytes of memory, more than the 1174536192 that are left; " +
			"1; -1 the module may have 65536 bytes of memory, more than the 0 that are left; " +
			"2; 3; -1 the module may have 65536 bytes of memory, more than the 0 that are left"
		if err == nil || err.Error() != want {
			t.Errorf("the calls gave\n%v\nwant\n%s", err, want)
		}
		if v.live != 0 || len(v.prepared) != 3 {
			t.Errorf("%d programs were left of %d", v.live, len(v.prepared))
		}
	})

	t.Run("calls", func(t *testing.T) {
		q, v := tinyRequest("4"), &virtual{}
		q.Name = "calls"
		_, _, err := RunGuest(context.Background(), wasm, cache, q, v, nil, nil)
		if err == nil {
			t.Fatal("no error")
		}
		const (
			lost     = "-1 the module is not in the guest's memory"
			nameless = "-1 the export's name is not in the guest's memory"
			unknown  = "-1 the export must be one of [init prefill decode prefill_loop decode_loop loop]"
			silent   = "-1" // with no place to say more
		)
		want := []string{
			lost, lost,
			"-1 the module has 4294967295 bytes, more than the limit of 4194304",
			"-1 the module has 4194305 bytes, more than the limit of 4194304",
			"-1 the module: not WebAssembly of version 1", "-1 the module: not WebAssembly of version 1", // empty, and a text
			silent, silent,
			"-1 no program 1 is prepared",
			"-1 16 programs are prepared already, which is the limit",
			"0",
			"-1 no program 0 is prepared", "-1 no program -1 is prepared", "-1 no program 99 is prepared",
			"-1 no program 2147483647 is prepared", "-1 no program -2147483648 is prepared",
			nameless, nameless, nameless, unknown, unknown, silent,
			"0", silent, silent,
			"-1 no program 1 is prepared",
		}
		got := strings.Split(err.Error(), "; ")
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("call %d: got\n%s\nwant\n%s", i, strings.Join(got[min(i, len(got)):], "\n"), strings.Join(want[min(i, len(want)):], "\n"))
			}
		}
		if v.live != 0 || v.runs != 1 {
			t.Errorf("%d programs were left, %d runs made", v.live, v.runs)
		}
	})

	t.Run("deaf", func(t *testing.T) {
		q := tinyRequest("4")
		q.Name = "deaf"
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err := RunGuest(ctx, wasm, cache, q, &virtual{}, nil, nil)
		if want := "guest: it made 1000 calls after it was told to end"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	})

	// The guest's clocks are the machine's: what it saw lies between what was seen
	// around it.
	t.Run("clock", func(t *testing.T) {
		q := tinyRequest("4")
		q.Name = "clock"
		before := time.Now().UnixNano()
		_, _, err := RunGuest(context.Background(), wasm, cache, q, &ticking{}, nil, nil)
		after := time.Now().UnixNano()
		var day, inner, outer int64
		if n, scanErr := fmt.Sscan(fmt.Sprint(err), &day, &inner, &outer); n != 3 {
			t.Fatalf("%v: %v", err, scanErr)
		}
		if day < before || day > after {
			t.Errorf("the guest's time of day is %d, and the host's was from %d to %d", day, before, after)
		}
		if inner <= 0 || inner > outer {
			t.Errorf("%d ns passed on the guest's clock, in %d on the host's", inner, outer)
		}
	})
}

// ticking is a virtual device with the real clock.
type ticking struct{ virtual }

func (*ticking) Now() int64 { return now() }

// A guest is not even started for what it cannot measure.
func TestGuestThreads(t *testing.T) {
	q := tinyRequest("3")
	q.Setup.Workload.Threads = 2
	var j memory
	st, _, err := RunGuest(context.Background(), nil, "", q, &virtual{}, &j, nil)
	if err == nil || !strings.Contains(err.Error(), "threads 2 need the native core") || st != nil || len(j.events) != 0 {
		t.Errorf("threads in a guest: %v, and %d events are kept", err, len(j.events))
	}
}

// Modules that are no guests, by hand.
func TestNotAGuest(t *testing.T) {
	const header = "\x00asm\x01\x00\x00\x00"
	// One type without, one with three i32 parameters and an i32 result.
	const types = "\x01\x0b\x02\x60\x00\x00\x60\x03\x7f\x7f\x7f\x01\x7f"
	const start = "\x03\x02\x01\x00" + "\x07\x0a\x01\x06_start\x00"
	for _, test := range []struct{ name, wasm, want string }{
		{"nothing", "", "guest: invalid magic number"},
		{"a text", "not a module", "guest: invalid magic number"},
		{"no _start", header, "guest: it ended without saying that the search is done"},
		{"unknown import", header + "\x01\x04\x01\x60\x00\x00" + "\x02\x0b\x01\x03abc\x03def\x00\x00", "guest: module[abc] not instantiated"},
		{"traps", header + "\x01\x04\x01\x60\x00\x00" + start + "\x00" + "\x0a\x05\x01\x03\x00\x00\x0b", "wasm error: unreachable"},
		// It drops what prepare gives, and has no memory for a result.
		{"no memory", header + types + "\x02\x15\x01\x09litefront\x07prepare\x00\x01" + start + "\x01" +
			"\x0a\x0d\x01\x0b\x00\x41\x00\x41\x00\x41\x00\x10\x00\x1a\x0b", "guest: it ended without saying that the search is done"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := RunGuest(context.Background(), []byte(test.wasm), "", tinyRequest("4"), &virtual{}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, test.want)
			}
		})
	}
}

// BenchmarkCore is what a candidate costs beside its measuring: asking,
// compiling its module, telling, and all events.
func BenchmarkCore(b *testing.B) {
	for name, c := range cores(b) {
		b.Run(name, func(b *testing.B) {
			q := tinyRequest(fmt.Sprint(b.N))
			q.Setup.Space.DInner = space.Choices(slices.Collect(func(yield func(int) bool) {
				for n := 16; n <= 1024 && yield(n); n += 16 {
				}
			}))
			if _, done, err := c(q, context.Background(), &virtual{}, nil, nil); err != nil || done.Measured != b.N {
				b.Fatal(done, err)
			}
		})
	}
}

// BenchmarkGuestCall is what a call of the host costs.
func BenchmarkGuestCall(b *testing.B) {
	wasm, cache := wasmOf(b, hostile), b.TempDir()
	q := tinyRequest("4")
	q.Name = "spins"
	for _, n := range []int{0, b.N} { // the first compiles
		b.ResetTimer()
		q.Setup.Seed = uint64(n)
		if _, _, err := RunGuest(context.Background(), wasm, cache, q, &virtual{}, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
