//go:build !js

package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"litefront/kernels/jobs"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

const (
	class = "linux-wasm-00ff"
	id    = "abc123"
	lease = 6 * time.Second
)

// host is a queue as a host has it.
type host struct {
	t       *testing.T
	url     string
	js      jetstream.JetStream
	conn    *nats.Conn
	results jetstream.Consumer
}

func newHost(t *testing.T) *host {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(5 * time.Minute) {
		t.Fatal("the server does not start")
	}
	h := &host{t: t, url: s.ClientURL()}
	if h.conn, err = nats.Connect(h.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.conn.Close)
	if h.js, err = jetstream.New(h.conn); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for name, subject := range map[string]string{jobs.JobsStream: "lf.v1.jobs.>", jobs.ResultsStream: "lf.v1.results.>"} {
		if _, err := h.js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{subject}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage}); err != nil {
			t.Fatal(err)
		}
	}
	for name, subject := range map[string]string{jobs.ClassConsumer(class): jobs.ClassJobs(class), jobs.DeviceConsumer(id): jobs.DeviceJobs(class, id)} {
		if _, err := h.js.CreateConsumer(ctx, jobs.JobsStream, jetstream.ConsumerConfig{Durable: name, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: lease, MaxDeliver: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if h.results, err = h.js.CreateConsumer(ctx, jobs.ResultsStream, jetstream.ConsumerConfig{Durable: "host", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	return h
}

// publish leaves a message for the devices.
func (h *host) publish(subject string, data []byte) {
	h.t.Helper()
	if _, err := h.js.Publish(h.t.Context(), subject, data); err != nil {
		h.t.Fatal(err)
	}
}

// result is the next result that the queue has.
func (h *host) result() jobs.Result {
	h.t.Helper()
	m, err := h.results.Next(jetstream.FetchMaxWait(20 * time.Second))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := m.Ack(); err != nil {
		h.t.Fatal(err)
	}
	r, err := jobs.Decode[jobs.Result](m.Data())
	if err != nil {
		h.t.Fatal(err)
	}
	if got := m.Headers().Get("Nats-Msg-Id"); got != "" || m.Subject() != jobs.Results(class, id) {
		h.t.Errorf("the result is called %q, on %s", got, m.Subject())
	}
	return r
}

// left is how many jobs the queue still has.
func (h *host) left() int {
	h.t.Helper()
	s, err := h.js.Stream(h.t.Context(), jobs.JobsStream)
	if err != nil {
		h.t.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

// eventually waits for something.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// queue is a device's end of it.
type queue struct {
	conn *nats.Conn
	lost chan struct{}
}

func (h *host) dial(order func([]byte)) (*queue, error) {
	q := &queue{lost: make(chan struct{})}
	var err error
	q.conn, err = nats.Connect(h.url, nats.CustomInboxPrefix(jobs.Inbox(id)), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(q.lost) }))
	if err != nil {
		return nil, err
	}
	if _, err = q.conn.Subscribe(jobs.Orders(id), func(m *nats.Msg) { order(m.Data) }); err == nil {
		err = q.conn.Flush()
	}
	return q, err
}

func (q *queue) Request(subject, name string, data []byte, timeout time.Duration) (m Message, err error) {
	inbox := q.conn.NewInbox()
	sub, err := q.conn.SubscribeSync(inbox)
	if err != nil {
		return m, err
	}
	defer sub.Unsubscribe()
	out := &nats.Msg{Subject: subject, Reply: inbox, Data: data, Header: nats.Header{}}
	if name != "" {
		out.Header.Set("Nats-Msg-Id", name)
	}
	if err := q.conn.PublishMsg(out); err != nil {
		return m, err
	}
	in, err := sub.NextMsg(timeout)
	if err != nil {
		return m, err
	}
	if status := in.Header.Get("Status"); status != "" {
		_, err := fmt.Sscan(status, &m.Status)
		return m, err
	}
	return Message{Reply: in.Reply, Data: in.Data}, nil
}

func (q *queue) Publish(subject string, data []byte) error { return q.conn.Publish(subject, data) }
func (q *queue) Lost() <-chan struct{}                     { return q.lost }
func (q *queue) Close()                                    { q.conn.Flush(); q.conn.Close() }

// running is a device at work.
type running struct {
	*Device
	t     *testing.T
	host  *host
	stop  func()
	ended chan error

	mu     sync.Mutex
	status Status
	queues []*queue
	did    []jobs.Job
	notes  []string
	// refusal, if not nil, is what Join gives.
	refusal error
}

// run runs a device that measures with do.
func (h *host) run(do func(ctx context.Context, n int, j jobs.Job) (Answer, error)) *running {
	h.t.Helper()
	r := &running{t: h.t, host: h, ended: make(chan error, 1)}
	r.Device = New(Config{
		Code: "page-1",
		Join: func(ctx context.Context, order func([]byte)) (Queue, jobs.Welcome, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.refusal != nil {
				return nil, jobs.Welcome{}, r.refusal
			}
			q, err := h.dial(order)
			if err != nil {
				return nil, jobs.Welcome{}, err
			}
			r.queues = append(r.queues, q)
			return q, jobs.Welcome{V: jobs.Version, Device: id, Class: class, JWT: "x", LeaseMs: lease.Milliseconds()}, nil
		},
		Measure: func(ctx context.Context, j jobs.Job) (Answer, error) {
			r.mu.Lock()
			r.did = append(r.did, j)
			n := len(r.did)
			r.mu.Unlock()
			return do(ctx, n, j)
		},
		Changed: func(s Status) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.status = s
			if s.Note != "" {
				r.notes = append(r.notes, s.Note)
			}
		},
		Pace: 2 * time.Millisecond,
	})
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- r.Run(ctx) }()
	h.t.Cleanup(func() { stop() })
	return r
}

func (r *running) now() Status { r.mu.Lock(); defer r.mu.Unlock(); return r.status }
func (r *running) times() int  { r.mu.Lock(); defer r.mu.Unlock(); return len(r.did) }

// job asks to measure a small model.
func job(number int) jobs.Job {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 16, DModel: 8, MaxLen: 16, Layers: []arch.Layer{{Heads: 2, DInner: 16}}}
	return jobs.Job{V: jobs.Version, Study: "study", Class: class, Number: number, Token: fmt.Sprintf("t%d", number), Arch: a,
		Workload: trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1}, Protocol: trial.Litefront, Code: "page-1", MemoryLimit: 1 << 20, BudgetMs: 1000}
}

func encode(t *testing.T, j jobs.Job) []byte {
	t.Helper()
	text, err := jobs.Encode(j)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func measured(slowdown float64) (Answer, error) {
	return Answer{Measurement: &trial.Measurement{Prefill: trial.Stat{MedianMs: 3}, Slowdown: slowdown}, Logits: strings.Repeat("0a", 32)}, nil
}

func TestDeviceMeasures(t *testing.T) {
	h := newHost(t)
	h.publish(jobs.ClassJobs(class), encode(t, job(1)))
	h.publish(jobs.DeviceJobs(class, id), encode(t, job(2)))
	h.publish(jobs.ClassJobs(class), encode(t, job(3)))
	states, err := h.conn.SubscribeSync(jobs.States(class, id))
	if err != nil {
		t.Fatal(err)
	}
	r := h.run(func(_ context.Context, _ int, j jobs.Job) (Answer, error) {
		if j.Number == 3 {
			return Answer{Failure: "it does not fit"}, nil
		}
		time.Sleep(3 * lease / 2) // for which it is this device's all the same
		return measured(1)
	})
	for _, number := range []int{2, 1, 3} { // its own come first
		got := h.result()
		if got.Number != number || got.Token != job(number).Token || got.Job != job(number).ID() || got.Device != id || (got.Failure != "") != (number == 3) {
			t.Errorf("the result is %+v; want that of %d", got, number)
		}
	}
	eventually(t, "no job is left", func() bool { return h.left() == 0 })
	eventually(t, "all is counted", func() bool { s := r.now(); return s.Done == 2 && s.Failed == 1 })
	if s := r.now(); s.PrefillMs != 3 || s.Error != "it does not fit" || s.Class != class || !s.Connected || r.times() != 3 {
		t.Errorf("the status is %+v after %d jobs", s, r.times())
	}
	r.stop()
	if err := <-r.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if s := r.now(); s.State != jobs.Ended || s.Connected {
		t.Errorf("at the end the status is %+v", s)
	}
	told := map[string]bool{}
	for !told[jobs.Ended] {
		m, err := states.NextMsg(5 * time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		s, err := jobs.Decode[jobs.State](m.Data)
		if err != nil || s.Device != id {
			t.Fatalf("a state %s: %v", m.Data, err)
		}
		told[s.State] = true
	}
	if len(told) != 3 || !told[jobs.Measuring] || !told[jobs.Ended] || !told[jobs.Idle] {
		t.Errorf("the host was told %v", told)
	}
}

func TestDevicePauses(t *testing.T) {
	h := newHost(t)
	h.publish(jobs.ClassJobs(class), encode(t, job(1)))
	r := h.run(func(ctx context.Context, n int, _ jobs.Job) (Answer, error) {
		if n == 1 {
			<-ctx.Done()
			return Answer{}, nil
		}
		return measured(1)
	})
	eventually(t, "it measures", func() bool { return r.now().State == jobs.Measuring })
	if s := r.now(); s.Job != job(1).ID() || s.Arch == "" {
		t.Errorf("measuring, the status is %+v", s)
	}
	r.Hold(Hidden, "in the background")
	r.Hold(Asked, "as you asked")
	eventually(t, "it pauses", func() bool { s := r.now(); return s.State == jobs.Paused && s.Note == "as you asked" && s.Job == "" })
	time.Sleep(3 * lease / 2)
	if n := r.times(); n != 1 || h.left() != 1 {
		t.Fatalf("paused, it measured %d times; %d jobs are left", n, h.left())
	}
	r.Hold(Asked, "")
	eventually(t, "the other reason is told", func() bool { return r.now().Note == "in the background" })
	r.Hold(Hidden, "")
	if got := h.result(); got.Number != 1 {
		t.Errorf("the result is %+v", got)
	}
	eventually(t, "no job is left", func() bool { return h.left() == 0 })
	if s := r.now(); s.Note != "" {
		t.Errorf("then the status is %+v", s)
	}
}

// What is no job is answered as far as that can be done, and never measured.
func TestDeviceRefusesJobs(t *testing.T) {
	h := newHost(t)
	other := job(1)
	other.Code = "page-2"
	unfit := job(2)
	unfit.BudgetMs = 1
	broken := strings.Replace(string(encode(t, unfit)), `"budget_ms":1`, `"budget_ms":-1`, 1)
	unknown := strings.Replace(string(encode(t, job(3))), `"study"`, `"run":"rm -rf /","study"`, 1)
	for _, text := range []string{string(encode(t, other)), broken, unknown, "no JSON", `{"v":1,"trial":0,"token":""}`} {
		h.publish(jobs.ClassJobs(class), []byte(text))
	}
	r := h.run(func(context.Context, int, jobs.Job) (Answer, error) { return measured(1) })
	for i, why := range []string{"page-2", "budget_ms", "unknown field"} {
		if got := h.result(); got.Number != i+1 || got.Token != job(i+1).Token || !strings.Contains(got.Failure, why) {
			t.Errorf("the result is %+v; want that of %d, a failure such as %q", got, i+1, why)
		}
	}
	eventually(t, "no job is left", func() bool { return h.left() == 0 })
	if n := r.times(); n != 0 {
		t.Errorf("%d were measured", n)
	}
}

// A device that cannot do a job leaves it to others, and rests.
func TestDeviceUnable(t *testing.T) {
	h := newHost(t)
	h.publish(jobs.ClassJobs(class), encode(t, job(1)))
	r := h.run(func(_ context.Context, n int, _ jobs.Job) (Answer, error) {
		switch n {
		case 1:
			return Answer{}, errors.New("another tab is searching")
		case 2, 3:
			return measured(float64(n))
		}
		return measured(1)
	})
	for number := 2; number <= 4; number++ {
		h.result()
		h.publish(jobs.ClassJobs(class), encode(t, job(number)))
	}
	h.result()
	eventually(t, "four jobs are done", func() bool { return r.now().Done == 4 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if all := strings.Join(r.notes, "\n"); !strings.Contains(all, "another tab") || strings.Contains(all, "2.00×") || !strings.Contains(all, "3.00×") {
		t.Errorf("it rested for %q", r.notes)
	}
}

// What was measured is answered over a connection that was lost meanwhile.
func TestDeviceReconnects(t *testing.T) {
	h := newHost(t)
	h.publish(jobs.ClassJobs(class), encode(t, job(1)))
	var r *running
	begun := make(chan struct{})
	r = h.run(func(context.Context, int, jobs.Job) (Answer, error) {
		<-begun
		r.mu.Lock()
		first := r.queues[0]
		r.mu.Unlock()
		first.conn.Close()
		return measured(1)
	})
	close(begun)
	h.result()
	eventually(t, "the job is done", func() bool { return r.now().Done == 1 && h.left() == 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queues) != 2 {
		t.Errorf("it connected %d times", len(r.queues))
	}
}

func TestDeviceEnds(t *testing.T) {
	h := newHost(t)
	r := h.run(func(context.Context, int, jobs.Job) (Answer, error) { return measured(1) })
	eventually(t, "it is there", func() bool { return r.now().Connected })
	if err := h.conn.Publish(jobs.Orders(id), []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it complains", func() bool { return strings.Contains(r.now().Error, "order") })
	quit, err := jobs.Encode(jobs.Order{V: jobs.Version, Do: jobs.Quit, Reason: "the study has ended"})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.conn.Publish(jobs.Orders(id), quit); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err == nil || err.Error() != "the host says: the study has ended" {
		t.Errorf("it ended with %v", err)
	}

	r = h.run(func(ctx context.Context, _ int, _ jobs.Job) (Answer, error) { <-ctx.Done(); return Answer{}, nil })
	h.publish(jobs.ClassJobs(class), encode(t, job(1)))
	eventually(t, "it measures", func() bool { return r.now().State == jobs.Measuring })
	r.mu.Lock()
	r.refusal = fmt.Errorf("%w: quarantined", ErrRefused)
	r.queues[0].conn.Close()
	r.mu.Unlock()
	if err := <-r.ended; !errors.Is(err, ErrRefused) {
		t.Errorf("it ended with %v", err)
	}
}

func TestStored(t *testing.T) {
	for _, tt := range []struct {
		m    Message
		want string // what the error says; empty for none
	}{
		{Message{Data: []byte(`{"stream":"LITEFRONT_RESULTS","seq":4}`)}, ""},
		{Message{Data: []byte(`{"stream":"LITEFRONT_RESULTS","seq":4,"duplicate":true}`)}, ""},
		{Message{Status: 503}, "503"},
		{Message{Data: []byte(`{"error":{"code":503,"description":"no space"}}`)}, "no space"},
		{Message{Data: []byte(`{"stream":"OTHER"}`)}, "OTHER"},
		{Message{Data: []byte(`+OK`)}, "not understood"},
	} {
		err := stored(tt.m)
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v; want %q", tt.m, err, tt.want)
		}
	}
}

// Whatever comes, what is read of it can be answered or not, and nothing breaks.
func FuzzRead(f *testing.F) {
	text, err := json.Marshal(job(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"v":1,"trial":3,"token":"t","arch":{"layers":[{}]}}`))
	f.Add([]byte(`{"v":"1","trial":3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := read(data)
		if err == nil && j.Validate() != nil {
			t.Fatal("an invalid job is taken")
		}
		_ = j.ID()
	})
}
