// Package queue is how jobs get from a host to its devices and results back: NATS
// JetStream, embedded in the host or an existing cluster. Devices reach it through the
// host's own server alone, by a WebSocket ([Queue.Gate]), with credentials that allow
// them their own subjects.
//
// A class of devices shares a queue of jobs; a job that no device answers within its
// lease goes to another one. Nothing here is a record: the journals of the studies are,
// and what was lost here is queued again from them.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"litefront/host/filelock"
	"litefront/kernels/jobs"
)

const (
	// MaxDeliver is how many devices a job is handed to before it is given up.
	MaxDeliver = 5

	maxJobs    = 10_000
	maxResults = 100_000
	maxDead    = 1000
	// maxStore bounds what a stream keeps on the disk, in bytes.
	maxStore = 1 << 30
	// unused is for how long the queue of a device or a class is kept that nobody asks.
	unused = 7 * 24 * time.Hour
	// startTime is how long a server may take to be ready, and callTime what any
	// request to it may take.
	startTime = 30 * time.Second
	callTime  = 10 * time.Second
)

// Options say which queue to use.
type Options struct {
	// Dir is where the embedded server keeps its keys and streams.
	Dir string
	// URL is that of an existing cluster, instead of the embedded server. Credentials
	// and AccountKey are files: the host's credentials, which need all of JetStream's
	// API and every subject below lf.v1, and the seed of the account or of a signing
	// key of it, by which devices get theirs.
	URL, Credentials, AccountKey string
	// Lease is for how long a job is a device's without a sign of life.
	Lease time.Duration
	Log   *slog.Logger
}

// Queue is a connection to the queue. Its methods may be called at the same time.
type Queue struct {
	o        Options
	embedded *server.Server // nil for a cluster
	lock     *os.File       // of the embedded server's folder
	issuer   issuer
	conn     *nats.Conn
	js       jetstream.JetStream
	replicas int

	mu    sync.Mutex
	gates map[string][]*gate // by device, the oldest first
	open  int                // connections through the gate
}

// Open connects to the queue, starts the embedded server if it is that, and makes the
// streams.
func Open(ctx context.Context, o Options) (q *Queue, err error) {
	q = &Queue{o: o, gates: map[string][]*gate{}}
	defer func() {
		if err != nil {
			q.Close()
			q = nil
		}
	}()
	if o.URL == "" {
		err = q.embed()
	} else {
		err = q.join()
	}
	if err != nil {
		return q, fmt.Errorf("queue: %w", err)
	}
	if q.js, err = jetstream.New(q.conn); err != nil {
		return q, fmt.Errorf("queue: %w", err)
	}
	// A cluster that just lost a server answers only once it has a new leader.
	for end := time.Now().Add(startTime); ; {
		if err = q.streams(ctx); err == nil {
			return q, nil
		}
		if ctx.Err() != nil || q.embedded != nil || time.Now().After(end) {
			return q, fmt.Errorf("queue: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// embed starts a server that listens nowhere, and connects to it.
func (q *Queue) embed() (err error) {
	if err := os.MkdirAll(q.o.Dir, 0o700); err != nil {
		return err
	}
	if q.lock, err = filelock.Open(filepath.Join(q.o.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("%s: %w", q.o.Dir, err)
	}
	k, err := openKeys(q.o.Dir)
	if err != nil {
		return err
	}
	if q.issuer, err = newIssuer(k.Account, ""); err != nil {
		return err
	}
	operator, err := newOperator(k)
	if err != nil {
		return err
	}
	operator.options.StoreDir = filepath.Join(q.o.Dir, "streams")
	if q.embedded, err = server.NewServer(operator.options); err != nil {
		return err
	}
	q.embedded.SetLoggerV2(logger{q.o.Log}, false, false, false)
	go q.embedded.Start()
	if !q.embedded.ReadyForConnections(startTime) {
		return fmt.Errorf("the embedded server is not ready after %v", startTime)
	}
	host, err := nkeysUser(k.Host)
	if err != nil {
		return err
	}
	credentials, err := q.issuer.sign(host.public, "host", func(*jwt.UserClaims) {})
	if err != nil {
		return err
	}
	return q.connect("", nats.InProcessServer(q.embedded), nats.UserJWT(func() (string, error) { return credentials, nil }, host.key.Sign))
}

// join connects to an existing cluster.
func (q *Queue) join() error {
	text, err := os.ReadFile(q.o.Credentials)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	token, err := jwt.ParseDecoratedJWT(text)
	if err != nil {
		return fmt.Errorf("credentials %s: %w", q.o.Credentials, err)
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return fmt.Errorf("credentials %s: %w", q.o.Credentials, err)
	}
	account := claims.IssuerAccount
	if account == "" {
		account = claims.Issuer
	}
	seed, err := os.ReadFile(q.o.AccountKey)
	if err != nil {
		return fmt.Errorf("account key: %w", err)
	}
	if q.issuer, err = newIssuer(strings.TrimSpace(string(seed)), account); err != nil {
		return fmt.Errorf("%s: %w", q.o.AccountKey, err)
	}
	return q.connect(q.o.URL, nats.UserCredentials(q.o.Credentials))
}

func (q *Queue) connect(url string, options ...nats.Option) (err error) {
	options = append(options,
		nats.Name("litefront host"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250*time.Millisecond),
		nats.RetryOnFailedConnect(false),
		nats.Timeout(callTime),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				q.o.Log.Warn("the queue cannot be reached", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { q.o.Log.Info("the queue is reached again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { q.o.Log.Warn("queue", "error", err) }),
	)
	q.conn, err = nats.Connect(url, options...)
	return err
}

// streams makes the streams, three times over where the cluster has the servers.
func (q *Queue) streams(ctx context.Context) error {
	q.replicas = 3
	if q.embedded != nil {
		q.replicas = 1
	}
	for _, s := range []jetstream.StreamConfig{
		{Name: jobs.JobsStream, Subjects: []string{"lf.v1.jobs.>"}, Retention: jetstream.WorkQueuePolicy, MaxMsgs: maxJobs},
		{Name: jobs.ResultsStream, Subjects: []string{"lf.v1.results.>"}, Retention: jetstream.WorkQueuePolicy, MaxMsgs: maxResults},
		{Name: jobs.DeadStream, Subjects: []string{"lf.v1.dead.>"}, Retention: jetstream.LimitsPolicy, MaxMsgs: maxDead},
	} {
		s.MaxBytes, s.MaxMsgSize = maxStore, jobs.MaxMessage+1024 // with headers
		if s.Retention == jetstream.WorkQueuePolicy {
			s.Discard = jetstream.DiscardNew // back-pressure: the sender hears of it
		}
		if err := q.stream(ctx, s); err != nil {
			return fmt.Errorf("stream %s: %w", s.Name, err)
		}
	}
	return nil
}

func (q *Queue) stream(ctx context.Context, s jetstream.StreamConfig) error {
	s.Replicas = q.replicas
	_, err := q.js.CreateOrUpdateStream(ctx, s)
	var api *jetstream.APIError
	if errors.As(err, &api) && q.replicas > 1 && strings.Contains(api.Description, "replicas") || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) && q.replicas > 1 {
		q.replicas = 1
		return q.stream(ctx, s)
	}
	return err
}

// Close ends all connections, and the embedded server.
func (q *Queue) Close() {
	q.disconnect(func(string) bool { return true })
	if q.conn != nil {
		q.conn.Close()
	}
	if q.embedded != nil {
		q.embedded.Shutdown()
		q.embedded.WaitForShutdown()
	}
	if q.lock != nil {
		q.lock.Close()
	}
}

// Healthy reports why the queue cannot be reached.
func (q *Queue) Healthy(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	return q.conn.FlushWithContext(ctx)
}

// Credentials are those of a device of a class, for its public key.
func (q *Queue) Credentials(class, id, key string) (string, error) {
	return q.issuer.sign(key, id, device(class, id))
}

// AddClass makes the queue of a class.
func (q *Queue) AddClass(ctx context.Context, class string) error {
	return q.consumer(ctx, jobs.ClassConsumer(class), jobs.ClassJobs(class))
}

// AddDevice makes the queue of a device, for jobs that it alone is to do.
func (q *Queue) AddDevice(ctx context.Context, class, id string) error {
	return q.consumer(ctx, jobs.DeviceConsumer(id), jobs.DeviceJobs(class, id))
}

func (q *Queue) consumer(ctx context.Context, name, subject string) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	c := jetstream.ConsumerConfig{
		Durable: name, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: q.o.Lease, MaxDeliver: MaxDeliver, MaxRequestBatch: 1, Replicas: q.replicas,
		InactiveThreshold: unused,
	}
	_, err := q.js.CreateOrUpdateConsumer(ctx, jobs.JobsStream, c)
	if err == nil {
		return nil
	}
	// A device that comes back as one of another class has its old queue's name.
	if gone := q.js.DeleteConsumer(ctx, jobs.JobsStream, name); gone != nil {
		return fmt.Errorf("queue %s: %w", name, err)
	}
	_, err = q.js.CreateConsumer(ctx, jobs.JobsStream, c)
	return err
}

// Clear drops all jobs.
func (q *Queue) Clear(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	s, err := q.js.Stream(ctx, jobs.JobsStream)
	if err != nil {
		return err
	}
	return s.Purge(ctx)
}

// Publish queues a job for the devices of a class, or for one of them, and returns its
// place in the stream.
func (q *Queue) Publish(ctx context.Context, class, device string, j jobs.Job) (uint64, error) {
	text, err := jobs.Encode(j)
	if err != nil {
		return 0, err
	}
	subject := jobs.ClassJobs(class)
	if device != "" {
		subject = jobs.DeviceJobs(class, device)
	}
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	ack, err := q.js.Publish(ctx, subject, text)
	if err != nil {
		return 0, fmt.Errorf("queue: %w", err)
	}
	return ack.Sequence, nil
}

// Drop takes a job from the queue; one that is not there is dropped already.
func (q *Queue) Drop(ctx context.Context, seq uint64) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	s, err := q.js.Stream(ctx, jobs.JobsStream)
	if err != nil {
		return err
	}
	if err = s.DeleteMsg(ctx, seq); errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return nil
	}
	return err
}

// Queued is the job at a place in the stream; false if it is there no more.
func (q *Queue) Queued(ctx context.Context, seq uint64) (jobs.Job, bool, error) {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	s, err := q.js.Stream(ctx, jobs.JobsStream)
	if err != nil {
		return jobs.Job{}, false, err
	}
	m, err := s.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return jobs.Job{}, false, nil
	}
	if err != nil {
		return jobs.Job{}, false, err
	}
	j, err := jobs.Decode[jobs.Job](m.Data)
	return j, err == nil, err
}

// Bury keeps a job among those that were given up.
func (q *Queue) Bury(ctx context.Context, class string, j jobs.Job, reason string) error {
	text, err := jobs.Encode(j)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	m := nats.NewMsg(jobs.Dead(class))
	m.Data = text
	m.Header.Set("Reason", jobs.Line(reason))
	_, err = q.js.PublishMsg(ctx, m)
	return err
}

// Order tells a device something.
func (q *Queue) Order(id string, o jobs.Order) error {
	text, err := jobs.Encode(o)
	if err != nil {
		return err
	}
	return q.conn.Publish(jobs.Orders(id), text)
}

// Delivered is a message of a device. Its texts are as they came.
type Delivered struct {
	Class, Device string // by the subject, which the device's credentials allow it alone
	Data          []byte
	// Done takes a result from the queue, once the journal has it.
	Done func()
	// Later has a result delivered again after a while, a longer one each time.
	Later func()
}

// Heard is what Listen tells of; every function is called from one goroutine of its own
// kind.
type Heard struct {
	Result func(Delivered)
	State  func(Delivered)
	// GivenUp says that a job, at its place in the stream, was handed out MaxDeliver
	// times without an answer.
	GivenUp func(seq uint64)
}

// Listen hears results, states, and jobs that are given up, until ctx ends. It goes on
// when the queue was away, and makes the streams anew if they are gone, which lost is
// told of.
func (q *Queue) Listen(ctx context.Context, h Heard, lost func()) error {
	states, err := q.conn.Subscribe("lf.v1.states.*.*", func(m *nats.Msg) {
		if class, id, ok := sender(m.Subject); ok {
			h.State(Delivered{Class: class, Device: id, Data: m.Data})
		}
	})
	if err != nil {
		return err
	}
	defer states.Unsubscribe()
	advisories, err := q.conn.Subscribe(server.JSAdvisoryConsumerMaxDeliveryExceedPre+"."+jobs.JobsStream+".*", func(m *nats.Msg) {
		var a server.JSConsumerDeliveryExceededAdvisory
		if json.Unmarshal(m.Data, &a) == nil && a.StreamSeq > 0 {
			h.GivenUp(a.StreamSeq)
		}
	})
	if err != nil {
		return err
	}
	defer advisories.Unsubscribe()
	for ctx.Err() == nil {
		if err := q.results(ctx, h.Result); err != nil && ctx.Err() == nil {
			q.o.Log.Warn("queue", "error", err)
			if err := q.restore(ctx, lost); err != nil {
				q.o.Log.Warn("queue", "error", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return ctx.Err()
}

// restore makes streams that are gone.
func (q *Queue) restore(ctx context.Context, lost func()) error {
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	gone := false
	for _, name := range []string{jobs.JobsStream, jobs.ResultsStream, jobs.DeadStream} {
		if _, err := q.js.Stream(ctx, name); errors.Is(err, jetstream.ErrStreamNotFound) {
			gone = true
		} else if err != nil {
			return err
		}
	}
	if !gone {
		return nil
	}
	if err := q.streams(ctx); err != nil {
		return err
	}
	lost()
	return nil
}

// results hears results until ctx ends or they cannot be heard any more.
func (q *Queue) results(ctx context.Context, heard func(Delivered)) error {
	c, err := q.js.CreateOrUpdateConsumer(ctx, jobs.ResultsStream, jetstream.ConsumerConfig{
		Durable: "host", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: maxResults, Replicas: q.replicas,
	})
	if err != nil {
		return err
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(64), jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(2*time.Second))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	defer messages.Stop()
	for {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		class, id, ok := sender(m.Subject())
		if !ok {
			m.Term()
			continue
		}
		heard(Delivered{Class: class, Device: id, Data: m.Data(), Done: func() { m.Ack() }, Later: func() {
			wait := 2 * time.Second
			if about, err := m.Metadata(); err == nil {
				wait *= time.Duration(min(about.NumDelivered, 30))
			}
			m.NakWithDelay(wait)
		}})
	}
}

// sender reads class and device from the end of a subject.
func sender(subject string) (class, id string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 5 || !jobs.IsName(parts[3]) || !jobs.IsName(parts[4]) {
		return "", "", false
	}
	return parts[3], parts[4], true
}
