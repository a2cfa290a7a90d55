// Package device is a device without a browser that measures for a host: it enrols by
// an invitation, takes jobs from the host's queue one at a time, and answers each.
//
// Whatever fails on the way to the host is tried again for ever. A job that is done is
// kept until the host has stored its result; one that cannot be done here goes back to
// the queue. What a host can cause is bounded: it sends architectures, never code, and
// what they may take of memory and time is for the [Doer] to limit.
package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"litefront/kernels/jobs"
	"litefront/searchcore/trial"
)

// Doer does jobs, one at a time; jobs.Worker is one. An error wraps ctx.Err() if that
// ended it, and measure.ErrDevice if the device is at fault; another one is the job's.
type Doer interface {
	Do(ctx context.Context, j jobs.Job) (m trial.Measurement, logits string, err error)
}

// Config says who measures for whom.
type Config struct {
	Address Address
	// CAFile has the certificates that the host's chain may end in, as PEM; empty for
	// what the address says, else what it said before, else the system's.
	CAFile string
	Dir    string     // where the device keeps its key and what it knows of hosts
	Hello  jobs.Hello // all but version, token and key
	Doer   Doer
	Log    *slog.Logger
}

// Run does jobs until ctx ends, which gives back the job at hand and is no error. It
// ends by itself, with an error of one line, if the host refuses the device or orders it
// to quit, or if the configuration is at fault.
func Run(ctx context.Context, c Config) error { return run(ctx, c, usual) }

// pace is how long to wait for what.
type pace struct {
	retry backoff // between attempts to reach the host, or to have it store a result
	idle  backoff // after the queue could not be asked
	sick  backoff // after the device was at fault
	poll  time.Duration
}

var usual = pace{
	retry: backoff{least: 500 * time.Millisecond, most: 30 * time.Second},
	idle:  backoff{least: 500 * time.Millisecond, most: 10 * time.Second},
	sick:  backoff{least: 5 * time.Second, most: 5 * time.Minute},
	poll:  time.Second,
}

func run(outer context.Context, c Config, p pace) (err error) {
	id, unlock, err := openIdentity(c.Dir, c.Address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	key, err := id.key.PublicKey()
	if err != nil {
		return fmt.Errorf("state %q: %w", id.path, err)
	}
	hello := c.Hello
	hello.V, hello.Key = jobs.Version, key
	if err := hello.Validate(); err != nil {
		return err
	}
	if c.Address.open() {
		c.Log.Warn("http without TLS: anybody on the network can read and change what this device and its host send", "host", c.Address.Host)
	}
	ctx, stop := context.WithCancelCause(outer)
	defer stop(nil)

	d := &device{
		doer: c.Doer, log: c.Log, pace: p,
		state: jobs.State{V: jobs.Version, Device: jobs.DeviceID(key), State: jobs.Idle},
	}
	d.link = &link{
		address: c.Address, caFile: c.CAFile, hello: hello, id: id, log: c.Log, retry: p.retry,
		device: d.state.Device, changed: make(chan struct{}), stop: stop,
		order: func(m *nats.Msg) { d.obey(m, stop) },
	}
	// The host hears at once that the job is free and the device gone, also while a call
	// of a module is still to end.
	defer context.AfterFunc(ctx, d.leave)()
	var others sync.WaitGroup
	others.Go(func() { d.link.keep(ctx) })
	others.Go(func() { d.beat(ctx) })
	d.work(ctx)
	others.Wait()
	d.leave()
	if s, _ := d.link.current(); s != nil {
		_ = s.conn.FlushTimeout(2 * time.Second) // else the host finds out by itself
		s.conn.Close()
	}
	if cause := context.Cause(ctx); cause != context.Cause(outer) {
		return cause
	}
	c.Log.Info("ended", "measured", d.state.Done, "failed", d.state.Failed)
	return nil
}

// obey hears an order.
func (d *device) obey(m *nats.Msg, stop func(error)) {
	o, err := jobs.Decode[jobs.Order](m.Data)
	if err != nil {
		d.log.Warn("an order that cannot be read", "error", err)
		return
	}
	stop(fmt.Errorf("the host ended this device: %s", o.Reason)) // Quit is the only order
}

// device is what Run runs.
type device struct {
	doer Doer
	log  *slog.Logger
	pace pace
	link *link

	answered answers // of the goroutine that works

	mu    sync.Mutex
	state jobs.State
	ack   string    // where to say how the job at hand goes; empty without one
	alive time.Time // when the queue heard last that it goes on
}

// tell changes the device's state and lets the host know. One that has ended has no
// other state any more.
func (d *device) tell(change func(*jobs.State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.State != jobs.Ended {
		change(&d.state)
	}
	s, _ := d.link.current()
	if s == nil {
		return
	}
	text, err := jobs.Encode(d.state)
	if err == nil {
		err = s.conn.Publish(jobs.States(s.welcome.Class, d.state.Device), text)
	}
	if err != nil {
		d.log.Debug("state not told", "error", plain(err))
	}
}

// beat tells the host three times a lease that the device lives, and the queue that its
// job does.
func (d *device) beat(ctx context.Context) {
	for ctx.Err() == nil {
		s, changed := d.link.current()
		if s == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		d.progress(s)
		d.tell(func(*jobs.State) {})
		t := time.NewTimer(s.lease() / 3)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// The answers to a job that JetStream knows.
const (
	ackDone     = "+ACK"
	ackProgress = "+WPI"
	ackBack     = "-NAK" // others may have it
	ackNobody   = "+TERM"
)

// progress renews the lease of the job at hand.
func (d *device) progress(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ack == "" {
		return
	}
	if err := s.conn.Publish(d.ack, []byte(ackProgress)); err == nil {
		d.alive = time.Now()
	}
}

// hold takes a job that came with an address for its answer.
func (d *device) hold(ack string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ack, d.alive = ack, time.Now()
}

// settle tells the queue what became of the job at hand, once. A job whose lease is over
// is given back no more: another device may have it.
func (d *device) settle(answer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ack := d.ack
	d.ack = ""
	s, _ := d.link.current()
	if ack == "" || s == nil || answer == ackBack && time.Since(d.alive) > s.lease() {
		return
	}
	if err := s.conn.Publish(ack, []byte(answer)); err != nil {
		d.log.Debug("the queue did not hear of a job's end", "answer", answer, "error", plain(err))
	}
}

// leave gives back the job at hand and says that the device has ended.
func (d *device) leave() {
	d.settle(ackBack)
	d.tell(func(s *jobs.State) { s.State, s.Job = jobs.Ended, "" })
}
