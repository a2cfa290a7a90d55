package device

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"litefront/kernels/jobs"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// host is the least that a device can work for, with a real queue.
type host struct {
	t       testing.TB
	server  *server.Server
	account nkeys.KeyPair
	conn    *nats.Conn
	js      jetstream.JetStream
	mux     http.Handler
	url     string // by HTTP, on the loopback interface
	lease   time.Duration
	hello   jobs.Hello // of its devices, which are all of one class

	mu     sync.Mutex
	hellos []jobs.Hello
	// answer may answer a Hello in the host's stead.
	answer func(w http.ResponseWriter, h jobs.Hello) bool
	states map[string][]jobs.State
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newHost(t testing.TB, lease time.Duration) *host {
	t.Helper()
	operator := must[nkeys.KeyPair](t)(nkeys.CreateOperator())
	h := &host{t: t, lease: lease, hello: hello(), account: must[nkeys.KeyPair](t)(nkeys.CreateAccount()), states: map[string][]jobs.State{}}
	accounts := &server.MemAccResolver{}
	add := func(key nkeys.KeyPair, storage int64) string {
		public := must[string](t)(key.PublicKey())
		claims := jwt.NewAccountClaims(public)
		claims.Limits.MemoryStorage = storage
		if err := accounts.Store(public, must[string](t)(claims.Encode(operator))); err != nil {
			t.Fatal(err)
		}
		return public
	}
	add(h.account, -1)
	opts := &server.Options{
		ServerName: "host", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
		TrustedKeys: []string{must[string](t)(operator.PublicKey())}, AccountResolver: accounts,
		SystemAccount: add(must[nkeys.KeyPair](t)(nkeys.CreateAccount()), 0),
	}
	opts.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: -1, NoTLS: true}
	h.server = must[*server.Server](t)(server.NewServer(opts))
	h.server.Start()
	t.Cleanup(func() { h.server.Shutdown(); h.server.WaitForShutdown() })
	if !h.server.ReadyForConnections(5 * time.Minute) {
		t.Fatal("the queue does not start")
	}
	self := must[nkeys.KeyPair](t)(nkeys.CreateUser())
	mine := must[string](t)(jwt.NewUserClaims(must[string](t)(self.PublicKey())).Encode(h.account))
	h.conn = must[*nats.Conn](t)(nats.Connect("", nats.InProcessServer(h.server),
		nats.UserJWT(func() (string, error) { return mine, nil }, self.Sign)))
	t.Cleanup(h.conn.Close)
	h.js = must[jetstream.JetStream](t)(jetstream.New(h.conn))
	h.stream(jobs.JobsStream, "lf.v1.jobs.>")
	h.stream(jobs.ResultsStream, "lf.v1.results.>")
	must[*nats.Subscription](t)(h.conn.Subscribe("lf.v1.states.>", func(m *nats.Msg) {
		s, err := jobs.Decode[jobs.State](m.Data)
		if err != nil || m.Subject != jobs.States(h.class(), s.Device) {
			t.Errorf("state %s on %s: %v", m.Data, m.Subject, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.states[s.Device] = append(h.states[s.Device], s)
	}))

	queue := must[*url.URL](t)(url.Parse("http://127.0.0.1:" + wsPort(t, h.server)))
	mux := http.NewServeMux()
	mux.Handle(jobs.QueuePath, httputil.NewSingleHostReverseProxy(queue))
	mux.HandleFunc("POST "+jobs.EnrolPath, h.enrol)
	h.mux = mux
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	h.url = web.URL
	return h
}

// wsPort is where s listens for WebSockets.
func wsPort(t testing.TB, s *server.Server) string {
	u, err := url.Parse(s.WebsocketURL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func (h *host) stream(name, subjects string) {
	h.t.Helper()
	must[jetstream.Stream](h.t)(h.js.CreateStream(h.t.Context(), jetstream.StreamConfig{
		Name: name, Subjects: []string{subjects}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage,
	}))
}

func (h *host) class() string { return h.hello.Class() }

func (h *host) consumer(name, subject string) {
	h.t.Helper()
	must[jetstream.Consumer](h.t)(h.js.CreateOrUpdateConsumer(context.Background(), jobs.JobsStream, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: h.lease, MaxDeliver: 5,
	}))
}

// enrol welcomes every device that signs what it says.
func (h *host) enrol(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	said, err := jobs.Decode[jobs.Hello](body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	signature, _ := base64.StdEncoding.DecodeString(r.Header.Get(jobs.SignatureHeader))
	key, err := nkeys.FromPublicKey(said.Key)
	if err != nil || key.Verify(body, signature) != nil {
		http.Error(w, "not signed by its key", http.StatusForbidden)
		return
	}
	h.mu.Lock()
	h.hellos = append(h.hellos, said)
	answer := h.answer
	h.mu.Unlock()
	if answer != nil && answer(w, said) {
		return
	}
	h.welcome(w, said, h.account)
}

// welcome enrols a device, with credentials that by signs.
func (h *host) welcome(w http.ResponseWriter, said jobs.Hello, by nkeys.KeyPair) {
	id, class := jobs.DeviceID(said.Key), said.Class()
	h.consumer(jobs.ClassConsumer(class), jobs.ClassJobs(class))
	h.consumer(jobs.DeviceConsumer(id), jobs.DeviceJobs(class, id))
	claims := jwt.NewUserClaims(said.Key)
	claims.Permissions.Pub.Allow.Add(jobs.Results(class, id), jobs.States(class, id))
	for _, c := range []string{jobs.ClassConsumer(class), jobs.DeviceConsumer(id)} {
		claims.Permissions.Pub.Allow.Add("$JS.API.CONSUMER.MSG.NEXT."+jobs.JobsStream+"."+c, "$JS.ACK."+jobs.JobsStream+"."+c+".>")
	}
	claims.Permissions.Sub.Allow.Add(jobs.Inbox(id)+".>", jobs.Orders(id))
	token, err := claims.Encode(by)
	if err != nil {
		h.t.Error(err)
	}
	text, err := jobs.Encode(jobs.Welcome{V: jobs.Version, Device: id, Class: class, JWT: token, LeaseMs: h.lease.Milliseconds()})
	if err != nil {
		h.t.Error(err)
	}
	_, _ = w.Write(text)
}

// put puts a text into the queue of the class.
func (h *host) put(text string) {
	h.t.Helper()
	must[*jetstream.PubAck](h.t)(h.js.Publish(h.t.Context(), jobs.ClassJobs(h.class()), []byte(text)))
}

func (h *host) putJob(j jobs.Job) {
	h.t.Helper()
	h.put(string(must[[]byte](h.t)(jobs.Encode(j))))
}

// results waits until there are n results, and returns them.
func (h *host) results(n int) (list []jobs.Result) {
	h.t.Helper()
	var s jetstream.Stream
	h.until(fmt.Sprintf("%d results", n), func() bool {
		var err error
		if s, err = h.js.Stream(h.t.Context(), jobs.ResultsStream); err != nil {
			return false
		}
		return int(s.CachedInfo().State.Msgs) >= n
	})
	state := s.CachedInfo().State
	if int(state.Msgs) != n {
		h.t.Errorf("%d results; want %d", state.Msgs, n)
	}
	for i := state.FirstSeq; i <= state.LastSeq; i++ {
		m := must[*jetstream.RawStreamMsg](h.t)(s.GetMsg(h.t.Context(), i))
		r, err := jobs.Decode[jobs.Result](m.Data)
		if err != nil || m.Subject != jobs.Results(h.class(), r.Device) || m.Header.Get(nats.MsgIdHdr) != "" {
			h.t.Errorf("result %s on %s, called %q: %v", m.Data, m.Subject, m.Header.Get(nats.MsgIdHdr), err)
		}
		list = append(list, r)
	}
	return list
}

// empty waits until no job is left.
func (h *host) empty() {
	h.t.Helper()
	h.until("an empty queue", func() bool {
		s, err := h.js.Stream(h.t.Context(), jobs.JobsStream)
		return err == nil && s.CachedInfo().State.Msgs == 0
	})
}

// state waits until some device says that.
func (h *host) state(what string, is func(jobs.State) bool) {
	h.t.Helper()
	h.until("state "+what, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, list := range h.states {
			for _, s := range list {
				if is(s) {
					return true
				}
			}
		}
		return false
	})
}

// until waits for what must come.
func (h *host) until(what string, is func() bool) {
	h.t.Helper()
	for end := time.Now().Add(5 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("there is still no %s", what)
		}
	}
}

// hello is what every device here says of itself.
func hello() jobs.Hello {
	return jobs.Hello{Name: "board", Code: "v0",
		Device: trial.Device{Name: "pi", OS: "linux", Arch: "arm64", Cores: 4, Engine: "wazero"}}
}

// job is the n-th one.
func (h *host) job(n int) jobs.Job {
	return jobs.Job{
		V: jobs.Version, Study: "tiny", Class: h.class(), Number: n, Token: fmt.Sprintf("%d.1", n),
		Arch:     arch.Architecture{Backbone: arch.GPT2, Vocab: 10, DModel: 8, MaxLen: 16, Layers: []arch.Layer{{Heads: 2, DInner: 8 + 8*n}}}.Canonical(),
		Workload: trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1},
		Protocol: trial.LTS, Code: h.hello.Code, MemoryLimit: 1 << 20, BudgetMs: 1500,
	}
}

// script does jobs as a test wants it, and counts them by number.
type script struct {
	do func(ctx context.Context, j jobs.Job) error

	mu    sync.Mutex
	count map[int]int
}

func (s *script) Do(ctx context.Context, j jobs.Job) (trial.Measurement, string, error) {
	s.mu.Lock()
	if s.count == nil {
		s.count = map[int]int{}
	}
	s.count[j.Number]++
	s.mu.Unlock()
	m := trial.Measurement{ArchID: j.Arch.ID(), Workload: j.Workload, Slowdown: 1, Verdict: trial.OK, Prefill: trial.Stat{MedianMs: float64(j.Number)}}
	if s.do != nil {
		if err := s.do(ctx, j); err != nil {
			return m, "", err
		}
	}
	return m, strings.Repeat("ab", 32), nil
}

func (s *script) done(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[n]
}

// gate is a script that waits in each job until it may go on, and tells when it waits.
func gate() (s *script, reached chan int, on chan error) {
	reached, on = make(chan int, 100), make(chan error, 100)
	return &script{do: func(ctx context.Context, j jobs.Job) error {
		reached <- j.Number
		select {
		case err := <-on:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}}, reached, on
}

// quick is a pace for tests.
var quick = pace{
	retry: backoff{least: 10 * time.Millisecond, most: 100 * time.Millisecond},
	idle:  backoff{least: 10 * time.Millisecond, most: 100 * time.Millisecond},
	sick:  backoff{least: 10 * time.Millisecond, most: 100 * time.Millisecond},
	poll:  100 * time.Millisecond,
}

// running is a device that runs.
type running struct {
	end  context.CancelFunc
	over chan error
	log  *text
}

// device starts a device, with its state in dir, and ends it with the test.
func (h *host) device(address, dir string, d Doer) *running {
	h.t.Helper()
	a, err := ParseAddress(address)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{end: cancel, over: make(chan error, 1), log: &text{}}
	c := Config{Address: a, Dir: dir, Hello: h.hello, Doer: d, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.over <- run(ctx, c, quick)
	}()
	h.t.Cleanup(func() {
		cancel()
		<-done
		if h.t.Failed() {
			h.t.Log(r.log.String())
		}
	})
	return r
}

// wait waits for the device's end.
func (r *running) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.over:
		return err
	case <-time.After(5 * time.Minute):
		t.Fatalf("the device does not end:\n%s", r.log)
		return nil
	}
}

// text is a log.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wire is a network between devices and a host, which can be cut and held up.
type wire struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	free  chan struct{} // closed while bytes pass
}

func newWire(t testing.TB, to string) *wire {
	t.Helper()
	w := &wire{l: must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0")), to: strings.TrimPrefix(to, "http://"), conns: map[net.Conn]bool{}, free: make(chan struct{})}
	close(w.free)
	t.Cleanup(func() { w.l.Close(); w.cut(true); w.hold(false) })
	go func() {
		for {
			c, err := w.l.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w
}

func (w *wire) url() string { return "http://" + w.l.Addr().String() }

func (w *wire) carry(c net.Conn) {
	defer c.Close()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	if w.down {
		w.mu.Unlock()
		return
	}
	w.conns[c], w.conns[far] = true, true
	w.mu.Unlock()
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		defer to.Close()
		b := make([]byte, 4096)
		for {
			n, err := from.Read(b)
			w.mu.Lock()
			free := w.free
			w.mu.Unlock()
			<-free
			if n > 0 {
				if _, err := to.Write(b[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	both.Go(func() { pipe(far, c) })
	both.Go(func() { pipe(c, far) })
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	delete(w.conns, far)
}

// cut ends all connections, and with down also those that come.
func (w *wire) cut(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	for c := range w.conns {
		c.Close()
	}
}

// hold lets no byte pass, without a connection's end.
func (w *wire) hold(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.free:
		if on {
			w.free = make(chan struct{})
		}
	default:
		if !on {
			close(w.free)
		}
	}
}

var errScript = errors.New("as the test wants it")
