package device

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"litefront/kernels/jobs"
)

// patience is how long the host may take to answer.
const patience = 10 * time.Second

// link keeps the device connected: it enrols, logs in, and does both again when the
// connection is lost. So credentials are never old, a host that was restarted hears
// of its device, and nothing that belonged to a lost connection is sent on the next.
type link struct {
	address Address
	caFile  string
	hello   jobs.Hello // without token
	id      *identity
	log     *slog.Logger
	retry   backoff
	device  string          // ID
	order   func(*nats.Msg) // hears orders
	stop    func(error)     // ends the device, for a reason

	mu      sync.Mutex
	now     *session      // nil: not connected
	changed chan struct{} // closed when now changes
}

// session is one connection.
type session struct {
	conn    *nats.Conn
	welcome jobs.Welcome
	lost    chan struct{} // closed when the connection is
}

// lease is for how long a job is the device's without a sign of life.
func (s *session) lease() time.Duration { return time.Duration(s.welcome.LeaseMs) * time.Millisecond }

// keep connects again and again, until ctx ends or an attempt shows that no other can
// help. It leaves the last connection open.
func (l *link) keep(ctx context.Context) {
	for ctx.Err() == nil {
		s, err := l.connect(ctx)
		var f final
		switch {
		case ctx.Err() != nil && s == nil:
			return
		case errors.As(err, &f):
			l.stop(plain(f.error))
			return
		case err != nil:
			wait := l.retry.step()
			l.log.Warn("not connected", "host", l.address.Host, "error", plain(err), "again_in", wait.Round(time.Millisecond))
			sleep(ctx, wait)
			continue
		}
		began := time.Now()
		l.set(s)
		l.log.Info("connected", "host", l.address.Host, "device", s.welcome.Device, "class", s.welcome.Class)
		select {
		case <-s.lost:
		case <-ctx.Done():
			return
		}
		l.set(nil)
		l.log.Warn("connection lost", "host", l.address.Host, "error", reason(s.conn))
		if time.Since(began) > s.lease() { // otherwise it may be that the host sends it away
			l.retry.reset()
		}
		l.retry.sleep(ctx)
	}
}

func reason(c *nats.Conn) string {
	if err := c.LastError(); err != nil {
		return plain(err).Error()
	}
	return "closed by the host"
}

func (l *link) set(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = s
	close(l.changed)
	l.changed = make(chan struct{})
}

// current is the connection, or nil, and what is closed when that changes.
func (l *link) current() (*session, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.changed
}

// session waits for a connection; it is nil if ctx ends before there is one.
func (l *link) session(ctx context.Context) *session {
	for {
		s, changed := l.current()
		if s != nil || ctx.Err() != nil {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// connect makes one attempt.
func (l *link) connect(ctx context.Context) (*session, error) {
	if err := l.trust(ctx); err != nil {
		return nil, err
	}
	w, err := l.enrol(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{welcome: w, lost: make(chan struct{})}
	options := []nats.Option{
		nats.Name("litefront device"),
		nats.NoReconnect(), // keep does that
		nats.ProxyPath(jobs.QueuePath),
		nats.CustomInboxPrefix(jobs.Inbox(w.Device)),
		nats.NoEcho(),
		nats.IgnoreDiscoveredServers(),
		nats.Timeout(patience),
		nats.SetCustomDialer(dialer{ctx}),
		nats.PingInterval(s.lease() / 3), // so that a silent host is noticed within a lease
		nats.MaxPingsOutstanding(2),
		nats.UserJWT(func() (string, error) { return w.JWT, nil }, l.id.key.Sign),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.log.Warn("the queue complains", "error", plain(err))
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(s.lost) }),
	}
	if l.address.Scheme == "https" {
		options = append(options, nats.Secure(config(l.id.Root)))
	}
	if s.conn, err = nats.Connect(l.address.queue(), options...); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	_, err = s.conn.Subscribe(jobs.Orders(w.Device), l.order)
	if err == nil {
		err = s.conn.FlushTimeout(patience)
	}
	if err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("queue: %w", err)
	}
	return s, nil
}

// dialer bounds how long TLS and the WebSocket may take to begin, which nats.go does
// not; from then on it sets deadlines of its own.
type dialer struct{ ctx context.Context }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	deadline := time.Now().Add(patience)
	c, err := (&net.Dialer{Deadline: deadline}).DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(deadline)
}

// trust finds out in whose certificates to trust, and keeps that.
func (l *link) trust(ctx context.Context) (err error) {
	root := l.id.Root
	switch {
	case l.caFile != "":
		root, err = readRoots(l.caFile, l.address)
		if err != nil {
			return final{err}
		}
	case l.address.CA != "" && matches([]byte(root), l.address.CA) != nil:
		root, err = fetchRoot(ctx, l.address)
	}
	if err != nil || root == l.id.Root {
		return err
	}
	l.id.Root = root
	return l.save()
}

func (l *link) save() error {
	if err := l.id.save(); err != nil {
		return final{fmt.Errorf("state %q: %w", l.id.path, err)}
	}
	return nil
}

// enrol introduces the device. The token of an invitation is used up once the host
// knows it, and offered again only if the host has forgotten it.
func (l *link) enrol(ctx context.Context) (jobs.Welcome, error) {
	token := l.address.Token
	if l.id.Known {
		w, err := l.introduce(ctx, "")
		var f final
		if token == "" || !errors.As(err, &f) {
			return w, err
		}
	}
	w, err := l.introduce(ctx, token)
	if err == nil && !l.id.Known {
		l.id.Known = true
		err = l.save()
	}
	return w, err
}

func (l *link) introduce(ctx context.Context, token string) (w jobs.Welcome, err error) {
	hello := l.hello
	hello.Token = token
	body, err := jobs.Encode(hello)
	if err != nil {
		return w, final{err}
	}
	signature, err := l.id.key.Sign(body)
	if err != nil {
		return w, final{err}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, l.address.url(jobs.EnrolPath), bytes.NewReader(body))
	if err != nil {
		return w, final{err}
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set(jobs.SignatureHeader, base64.StdEncoding.EncodeToString(signature))
	client := httpClient(config(l.id.Root))
	defer client.CloseIdleConnections()
	r, err := client.Do(q)
	if err != nil {
		return w, err
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(r.Body, jobs.MaxMessage+1))
	if err != nil {
		return w, err
	}
	if r.StatusCode != http.StatusOK {
		err = fmt.Errorf("host %s refuses this device: %s (%d)", l.address.Host, jobs.Line(string(answer)), r.StatusCode)
		if to := r.Header.Get("Location"); r.StatusCode/100 == 3 && to != "" {
			err = fmt.Errorf("host %s answers that it is at %.200q; --join needs that address", l.address.Host, to)
		}
		if passing(r.StatusCode) {
			return w, err
		}
		return w, final{err}
	}
	if w, err = jobs.Decode[jobs.Welcome](answer); err == nil && w.Device != l.device {
		err = fmt.Errorf("device %q is not this one's ID %q", w.Device, l.device)
	}
	if err != nil {
		return w, final{fmt.Errorf("host %s: its answer: %w", l.address.Host, err)}
	}
	return w, nil
}
