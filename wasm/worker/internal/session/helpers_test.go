package session_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/session"
)

// memory is a store that may refuse.
type memory struct {
	lines []string
	fail  error // what every change gives
	// failAt, if not 0, is the number of a line that is refused.
	failAt int64
	denied bool // nothing can be read
}

var (
	errFull      = errors.New("the storage is full")
	errElsewhere = errors.New("another has written")
	errDenied    = errors.New("access is denied")
)

func (m *memory) Load() ([]string, error) {
	if m.denied {
		return nil, errDenied
	}
	return slices.Clone(m.lines), nil
}

func (m *memory) Append(seq int64, last, line string) error {
	switch {
	case m.fail != nil:
		return m.fail
	case seq == m.failAt:
		return errFull
	case seq != int64(len(m.lines)+1), seq > 1 && last != m.lines[seq-2]:
		return errElsewhere
	}
	m.lines = append(m.lines, line)
	return nil
}

func (m *memory) Replace(lines []string) error {
	if m.fail != nil {
		return m.fail
	}
	m.lines = slices.Clone(lines)
	return nil
}

// engine is a target on a clock of its own, where every run takes 3 ms.
type engine struct {
	now  int64
	runs int
	// during, if not nil, is called before the n-th run, counted from 1.
	during func(n int) error
	// memory is that of the latest program, which was made ready so often.
	memory []byte
	ready  int
}

func (e *engine) Device() trial.Device {
	return trial.Device{Name: "virtual", Features: []string{"simd128"}, TimerStepNs: 1}
}
func (e *engine) Features() kernels.Features { return kernels.Features{} }
func (e *engine) Now() int64                 { return e.now }

func (e *engine) Prepare(m *kernels.Module) (measure.Program, error) {
	e.memory = make([]byte, m.Memory.TotalBytes)
	return &program{e, m.Memory.TotalBytes}, nil
}

type program struct {
	engine *engine
	bytes  int64
}

func (p *program) Run(c measure.Call) (int64, error) {
	if p.engine.runs++; p.engine.during != nil {
		if err := p.engine.during(p.engine.runs); err != nil {
			return 0, err
		}
	}
	ns := int64(max(c.Reps, 1)) * 3e6
	p.engine.now += ns
	return ns, nil
}

// ReadAt reads logits: the likeliest token is the number of the latest run, as far as
// there is one.
func (p *program) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	binary.LittleEndian.PutUint32(b[4*p.engine.runs%len(b):], math.Float32bits(1))
	return len(b), nil
}

func (p *program) WriteAt(b []byte, at int64) (int, error) { return copy(p.engine.memory[at:], b), nil }

func (p *program) Ready() error { p.engine.ready++; return nil }

func (p *program) Footprint() (measure.Footprint, error) {
	return measure.Footprint{LinearBytes: p.bytes}, nil
}

func (p *program) Close() error { return nil }

// request is a search of a space with 1,332 architectures.
func request(budget string) *search.Request {
	return &search.Request{Name: "test", Code: "v0", Budget: budget, Setup: trial.Setup{
		Space: space.Space{
			Name: "tiny", Backbone: "gpt2", Vocab: 10, MaxLen: 16,
			NLayer: space.Choices{1, 2}, DModel: space.Choices{8}, NHead: space.Choices{1, 2, 4, 8},
			DInner: space.Choices{8, 16, 24, 32, 40, 48, 56, 64, 72},
		},
		Workload:    trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1},
		Objectives:  []string{"decoder_params", "prefill_ms"},
		Strategy:    "lts",
		Protocol:    "litefront",
		Seed:        3,
		MemoryLimit: 1 << 20,
	}}
}

// worker is a session with its page: what the page would see, in order.
type worker struct {
	t testing.TB
	*session.Session
	engine *engine
	store  *memory

	mu       sync.Mutex
	messages []search.Message
	file     []byte        // that came last beside a message
	idle     chan struct{} // one for each idle state
}

func newWorker(t testing.TB, store *memory) *worker {
	w := &worker{t: t, engine: new(engine), store: store, idle: make(chan struct{}, 64)}
	w.Session = &session.Session{Target: w.engine, Store: store, Post: w.receive, PostFile: w.receiveFile}
	return w
}

func (w *worker) receiveFile(text string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	w.file = b.Bytes()
	w.receive(text)
	return nil
}

func (w *worker) receive(text string) {
	var m search.Message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		w.t.Errorf("message %s: %v", text, err)
	}
	if strings.ContainsAny(m.Error, "\n\r") {
		w.t.Errorf("error %q is not one line", m.Error)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, m)
	if m.State == search.StateIdle {
		w.idle <- struct{}{}
	}
}

func (w *worker) send(c search.Command) {
	w.t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Do(string(text), nil)
}

// take returns the messages since it was last called.
func (w *worker) take() []search.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	messages := w.messages
	w.messages = nil
	return messages
}

// ask sends a command that is answered at once.
func (w *worker) ask(c search.Command) []search.Message {
	w.t.Helper()
	w.take()
	w.send(c)
	for len(w.idle) > 0 {
		<-w.idle
	}
	return w.take()
}

// search runs a search to its end.
func (w *worker) search(q *search.Request) []search.Message {
	w.t.Helper()
	w.take()
	w.send(search.Command{Do: search.DoStart, Request: q})
	<-w.idle
	return w.take()
}

// errorsIn are the errors among messages.
func errorsIn(messages []search.Message) (lines []string) {
	for _, m := range messages {
		if m.Error != "" {
			lines = append(lines, m.Error)
		}
	}
	return lines
}

// wantError demands exactly one error, which says want.
func wantError(t testing.TB, messages []search.Message, want string) {
	t.Helper()
	if lines := errorsIn(messages); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("errors are %q; want one that says %q", lines, want)
	}
}

// wantNone demands that there is no error.
func wantNone(t testing.TB, messages []search.Message) {
	t.Helper()
	if lines := errorsIn(messages); len(lines) > 0 {
		t.Fatalf("errors are %q", lines)
	}
}

// events are those that messages tell, earlier or new.
func events(messages []search.Message, replayed bool, kinds ...trial.Kind) (list []trial.Event) {
	for _, m := range messages {
		if m.Event != nil && m.Replayed == replayed && (len(kinds) == 0 || slices.Contains(kinds, m.Event.Kind)) {
			list = append(list, *m.Event)
		}
	}
	return list
}

// kept are the kinds that a journal holds.
var kept = []trial.Kind{trial.KindStarted, trial.KindAsked, trial.KindMeasured, trial.KindFailed, trial.KindSetting}
