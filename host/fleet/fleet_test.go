package fleet

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"litefront/host/fleet/queue"
	"litefront/host/store"
	"litefront/internal/scripted"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

const testCode = "test-version"

func testRequest(t testing.TB, budget string) search.Request {
	t.Helper()
	q, err := newRequest(budget)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func newRequest(budget string) (search.Request, error) {
	sp, err := space.Preset("archai-gpt2")
	return search.Request{
		Name: "test", Code: testCode, Budget: budget,
		Setup: trial.Setup{
			Space: sp, Workload: trial.DefaultWorkload(), Objectives: objective.Defaults(), Strategy: "random", Protocol: trial.LTS, Seed: 1, MemoryLimit: 2 << 30,
		},
	}, err
}

// running is a host with a server and a store of its own.
type running struct {
	*Host
	store  *store.Store
	study  store.Study
	queue  *queue.Queue
	server *httptest.Server
	door   *door
	stop   func() error
	log    *syncBuffer
}

// door is where devices get into a host.
type door struct {
	url   string
	token func() (string, error) // of a new invitation
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// testLease is for how long a job is a device's in these tests, where they ask for no
// other.
const testLease = 2 * time.Second

// build makes a host with its files in dir. Invite is for its Options.
func build(ctx context.Context, dir string, q search.Request, o queue.Options, log *slog.Logger, invite func(token string) string) (r *running, err error) {
	r = &running{}
	if r.store, err = store.Open(ctx, filepath.Join(dir, "store.db")); err != nil {
		return nil, err
	}
	if r.study, err = r.store.Study(ctx, q.Name); err != nil {
		if r.study, err = r.store.CreateStudy(ctx, q.Name, nil); err != nil {
			return nil, err
		}
	}
	if o.Log = log; o.Lease == 0 {
		o.Lease = testLease
	}
	if o.URL == "" {
		o.Dir = filepath.Join(dir, "queue")
	}
	if r.queue, err = queue.Open(ctx, o); err != nil {
		return nil, err
	}
	r.Host = New(Options{
		Request: q, Study: r.study, Store: r.store, Queue: r.queue, Lease: o.Lease, Code: testCode, Log: log, Invite: invite,
	})
	return r, nil
}

// startHost starts a host in dir, which ends with the test or by stop.
func startHost(t testing.TB, dir string, q search.Request, o queue.Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	text := &syncBuffer{}
	var r *running
	r, err := build(ctx, dir, q, o, slog.New(slog.NewTextHandler(text, nil)), func(token string) string { return r.server.URL + "/#join=" + token })
	if err != nil {
		t.Fatal(err)
	}
	r.log = text
	r.server = httptest.NewServer(r.Handler(http.NotFoundHandler()))
	r.door = &door{url: r.server.URL, token: func() (string, error) {
		i, err := r.Invite()
		_, token, _ := strings.Cut(i.URL, "#join=")
		return token, err
	}}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, 0) }()
	for { // until it runs
		r.mu.Lock()
		ready := r.ctx != nil
		r.mu.Unlock()
		if ready {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		r.queue.Close()
		r.server.Close()
		r.store.Close()
		return err
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

// client is a device whose latencies are a function of the architecture.
type client struct {
	t       testing.TB
	key     nkeys.KeyPair
	hello   jobs.Hello
	factor  float64
	welcome jobs.Welcome
	conn    *nats.Conn
	// quiet has it say nothing of what goes wrong while hosts come and go.
	quiet bool
	// helping has it take jobs of its own alone, which others' results are checked by;
	// nil if it never does.
	helping *atomic.Bool
}

func newClient(t testing.TB, name string, factor float64) *client {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := key.PublicKey()
	hello := scriptedHello(name)
	hello.V, hello.Key = jobs.Version, public
	return &client{t: t, key: key, factor: factor, hello: hello}
}

// scriptedHello is how the devices of these tests, which are all of one class, introduce
// themselves.
func scriptedHello(name string) jobs.Hello {
	return jobs.Hello{
		Name: name, Code: testCode,
		Device: trial.Device{Name: name, OS: "linux", Arch: "amd64", CPU: "scripted", Cores: 2, Engine: "scripted", Features: []string{"simd128"}, TimerStepNs: 1},
	}
}

// enrol says hello, and reports status and text of the answer.
func (s *client) enrol(server, token string) (int, string) {
	s.t.Helper()
	status, text := s.tryEnrol(server, token)
	if status == 0 {
		s.t.Fatal(text)
	}
	return status, text
}

// tryEnrol is enrol, with status 0 if the host cannot be reached.
func (s *client) tryEnrol(server, token string) (int, string) {
	s.t.Helper()
	s.hello.Token = token
	body, err := json.Marshal(s.hello)
	if err != nil {
		s.t.Fatal(err)
	}
	signature, err := s.key.Sign(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return post(s.t, server+jobs.EnrolPath, body, http.Header{jobs.SignatureHeader: {base64.StdEncoding.EncodeToString(signature)}}, &s.welcome)
}

// post sends a body and reports status and text of the answer, which it decodes into
// welcome if it is one.
func post(t testing.TB, url string, body []byte, header http.Header, welcome *jobs.Welcome) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil { // the host was killed
		return 0, err.Error()
	}
	if answer.StatusCode == http.StatusOK && welcome != nil {
		if *welcome, err = jobs.Decode[jobs.Welcome](text); err != nil {
			t.Fatal(err)
		}
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}

// connect opens the queue.
func (s *client) connect(server string) error {
	conn, err := nats.Connect("ws"+strings.TrimPrefix(server, "http"),
		nats.ProxyPath(jobs.QueuePath), nats.CustomInboxPrefix(jobs.Inbox(s.welcome.Device)), nats.NoReconnect(),
		nats.UserJWT(func() (string, error) { return s.welcome.JWT, nil }, s.key.Sign))
	s.conn = conn
	return err
}

// join enrols with a new invitation and connects.
func (s *client) join(r *running) {
	s.t.Helper()
	s.enter(r)
	s.tell(jobs.Idle, "")
}

// enter is join by a device that does not say yet that it is there.
func (s *client) enter(r *running) {
	s.t.Helper()
	i, err := r.Invite()
	if err != nil {
		s.t.Fatal(err)
	}
	_, token, _ := strings.Cut(i.URL, "#join=")
	if status, text := s.enrol(r.server.URL, token); status != http.StatusOK {
		s.t.Fatalf("enrol: %d %s", status, text)
	}
	if err := s.connect(r.server.URL); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.conn.Close)
}

func (s *client) tell(state, job string) {
	text, err := jobs.Encode(jobs.State{V: jobs.Version, Device: s.welcome.Device, State: state, Job: job})
	if err != nil {
		s.t.Error(err)
		return
	}
	s.conn.Publish(jobs.States(s.welcome.Class, s.welcome.Device), text)
}

// pull takes a job; nil if there is none now.
func (s *client) pull(consumer, wait string) *nats.Msg {
	m, err := s.conn.Request("$JS.API.CONSUMER.MSG.NEXT."+jobs.JobsStream+"."+consumer, []byte(wait), 2*time.Second)
	if err != nil || m.Header.Get("Status") != "" {
		return nil
	}
	return m
}

// next takes a job of its own or of its class.
func (s *client) next() *nats.Msg {
	if m := s.pull(jobs.DeviceConsumer(s.welcome.Device), `{"batch":1,"no_wait":true}`); m != nil {
		return m
	}
	if s.helping != nil && s.helping.Load() {
		time.Sleep(20 * time.Millisecond)
		return nil
	}
	return s.pull(jobs.ClassConsumer(s.welcome.Class), `{"batch":1,"expires":100000000}`)
}

// work does jobs until ctx ends.
func (s *client) work(ctx context.Context) {
	for ctx.Err() == nil {
		m := s.next()
		if m == nil {
			s.tell(jobs.Idle, "")
			continue
		}
		j, err := jobs.Decode[jobs.Job](m.Data)
		if err != nil {
			s.t.Error(err)
			return
		}
		s.answer(j, m)
	}
}

func (s *client) answer(j jobs.Job, m *nats.Msg) {
	s.send(s.result(j))
	m.Respond([]byte("+ACK"))
}

func (s *client) result(j jobs.Job) jobs.Result {
	measurement, err := scripted.Measure(j, s.hello.Device, s.factor)
	if err != nil {
		s.t.Error(err)
	}
	return jobs.Result{V: jobs.Version, Job: j.ID(), Number: j.Number, Token: j.Token, Device: s.welcome.Device, Measurement: &measurement}
}

func (s *client) send(r jobs.Result) {
	text, err := jobs.Encode(r)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.sendText(text)
}

func (s *client) sendText(text []byte) {
	m := nats.NewMsg(jobs.Results(s.welcome.Class, s.welcome.Device))
	m.Data = text
	if _, err := s.conn.RequestMsg(m, 5*time.Second); err != nil && !s.quiet {
		s.t.Errorf("result not stored: %v", err)
	}
}

// frontier is a study's frontier as it is compared: architectures and values.
func frontier(t testing.TB, r *running, class string) (points []string) {
	t.Helper()
	all, err := r.store.Frontier(context.Background(), r.study.ID, class)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		points = append(points, fmt.Sprint(p.ArchID, p.Values))
	}
	slices.Sort(points)
	return points
}

// alone is the frontier that a search without a fleet finds by the same script.
func alone(t testing.TB, q search.Request) (points []string) {
	t.Helper()
	s, err := study.New(q.Name, q.Code, q.Setup, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	budget, err := search.ParseBudget(q.Budget)
	if err != nil {
		t.Fatal(err)
	}
	for range budget.Trials {
		next, err := s.Ask()
		if err != nil {
			break
		}
		m, err := scripted.Measure(jobs.Job{Arch: next.Arch, Workload: q.Setup.Workload, Code: testCode, Protocol: q.Setup.Protocol}, trial.Device{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Tell(next.Number, next.Token, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range s.Frontier() {
		points = append(points, fmt.Sprint(p.Arch.ID(), p.Values))
	}
	slices.Sort(points)
	return points
}

// until waits for something that other goroutines bring about.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("%s: not within five minutes", what)
}

// TestFleet has three devices do a study, and expects the frontier of a search by one.
func TestFleet(t *testing.T) {
	q := testRequest(t, "20")
	r := startHost(t, t.TempDir(), q, queue.Options{})
	ctx, stop := context.WithCancel(context.Background())
	var devices sync.WaitGroup
	for i := range 3 {
		s := newClient(t, fmt.Sprint("board ", i), 1)
		s.join(r)
		devices.Go(func() { s.work(ctx) })
	}
	until(t, "end of the study", func() bool {
		f := r.Fleet()
		return len(f.Classes) == 1 && f.Classes[0].Done != ""
	})
	stop()
	devices.Wait()
	class := r.Fleet().Classes[0]
	if class.Done != search.DoneBudget || class.Measured != 20 || class.Failed != 0 {
		t.Errorf("class %+v; want 20 measured by the budget", class)
	}
	if got, want := frontier(t, r, class.Class), alone(t, q); !slices.Equal(got, want) {
		t.Errorf("frontier\n%v\nwant\n%v", got, want)
	}
}

// TestFleetExact has alike devices give one model together.
func TestFleetExact(t *testing.T) {
	q := testRequest(t, "24")
	q.Setup.Strategy = "exact"
	r := startHost(t, t.TempDir(), q, queue.Options{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var devices sync.WaitGroup
	for i := range 3 {
		s := newClient(t, fmt.Sprint("board ", i), 1)
		s.join(r)
		devices.Go(func() { s.work(ctx) })
	}
	until(t, "end of the study", func() bool {
		f := r.Fleet()
		return len(f.Classes) == 1 && f.Classes[0].Done != ""
	})
	stop()
	devices.Wait()
	class := r.Fleet().Classes[0]
	if (class.Done != search.DoneBudget && class.Done != search.DoneConverged) || class.Failed != 0 {
		t.Errorf("class %+v; want all measured", class)
	}
	var events []trial.Event
	by := map[string]bool{}
	for e, err := range r.store.Events(t.Context(), r.study.ID, class.Class) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
		if e.Measured != nil {
			by[e.Measured.Measurement.Device.ID] = true
		}
	}
	s, err := study.Replay(events, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, n, err := results.Model(s); err != nil || len(by) < 2 || n != class.Measured {
		t.Errorf("the model knows %d (%v) of %d results by %d devices", n, err, class.Measured, len(by))
	}
}
