// Package fleet has other machines measure for a study. A [Host] has one study for each
// class of devices, asks them for what its strategy proposes, and tells it what they
// measured once package trust believes it. Devices get jobs and give results through
// package queue, and are let in by an invitation. The strategies do not know that
// there is a fleet: package search drives them as everywhere.
//
// The studies' journals, in the store, are the record. What is in the queue can be lost
// at any moment: jobs are queued again, and results that come twice, late or out of
// turn change nothing.
package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"litefront/host/fleet/queue"
	"litefront/host/store"
	"litefront/kernels"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

const (
	// DefaultLease is for how long a job is a device's without a sign of life: long
	// enough for a phone that changes its access point.
	DefaultLease = 30 * time.Second

	// A device that told nothing for this many leases is away.
	awayAfter = 3
	// maxDevices bounds those that one host knows at once.
	maxDevices = 1000
	// maxClasses bounds the studies of one host.
	maxClasses = 64
	// maxOpened is how many new classes a known device may open without another
	// invitation while a host runs: each has a journal. One that is updated opens one.
	maxOpened = 4
	// maxDead is how many jobs that were given up are shown.
	maxDead = 50
	// maxFailures is how many jobs in a row a device may fail before it gets no more.
	maxFailures = 5
)

// Options say what a host does, and with whom.
type Options struct {
	// Request is the study on each class of devices; its journal and its version of the
	// program are each class's own.
	Request search.Request
	Study   store.Study
	Store   *store.Store
	Queue   *queue.Queue
	Lease   time.Duration
	// Code is the version of this program.
	Code string
	// Ended are the classes on which the study ended in earlier runs: for Run they count.
	Ended []string
	// Checksum computes what jobs.Checksum does, to compare what devices computed with;
	// nil if nothing is compared.
	Checksum func(arch.Architecture, trial.Workload, kernels.Features) (string, error)
	// Invite is the address with a token in its fragment.
	Invite func(token string) string
	// Watch hears the events of all studies, from one goroutine of each class; nil if
	// nobody does.
	Watch func(class string, e trial.Event)
	// Enrolled is called when an invitation was used; nil if nobody cares.
	Enrolled func()
	Log      *slog.Logger
}

// Host runs a study on devices. Its methods may be called at the same time.
type Host struct {
	o        Options
	start    time.Time
	enrols   *rate.Limiter
	metrics  *metrics
	journals chan struct{}   // one is sent at a time
	ctx      context.Context // of Run
	changed  chan struct{}   // something that Run waits for may have happened

	enrolling sync.Mutex // before states
	states    sync.Mutex // of devices, in the store and here; before mu
	secret    string     // that nobody who measures knows

	mu          sync.Mutex
	invitations map[[32]byte]time.Time // when they expire, by the hash of the token
	members     map[string]*member     // by ID
	opened      map[string]int         // how many classes devices opened without an invitation, by ID
	classes     map[string]*class
	dead        []jobs.DeadJob // the last ones first
	running     sync.WaitGroup
}

// member is a device that enrolled since the host started, or that was heard before.
type member struct {
	hello      jobs.Hello
	class      string
	state      jobs.State
	seen       time.Time
	quarantine string // why; empty if it is not
	failures   int    // in a row
}

// New returns a host that does nothing before it runs.
func New(o Options) *Host {
	h := &Host{
		o: o, start: time.Now(), secret: rand.Text(), journals: make(chan struct{}, 1),
		enrols:      rate.NewLimiter(50, 200),
		changed:     make(chan struct{}, 1),
		invitations: map[[32]byte]time.Time{},
		members:     map[string]*member{},
		opened:      map[string]int{},
		classes:     map[string]*class{},
	}
	h.metrics = newMetrics(h)
	return h
}

// Run measures until ctx ends, or, if classes is above 0, until the study has ended on
// so many of them. It closes their journals.
func (h *Host) Run(ctx context.Context, classes int) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// What is queued is of an earlier run: the journals say what is to be measured.
	if err := h.o.Queue.Clear(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	h.ctx = ctx
	h.mu.Unlock()
	var heard sync.WaitGroup
	var deaf error
	heard.Go(func() {
		err := h.o.Queue.Listen(ctx, queue.Heard{Result: h.result, State: h.state, GivenUp: h.givenUp}, h.lost)
		if ctx.Err() == nil {
			deaf = err
			stop()
		}
	})
	err := h.wait(ctx, classes)
	stop()
	heard.Wait()
	h.running.Wait()
	return errors.Join(err, deaf)
}

// wait waits for the end, and has all classes look around from time to time.
func (h *Host) wait(ctx context.Context, classes int) error {
	tick := time.NewTicker(h.o.Lease / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.revoked()
			h.each(func(c *class) { c.tick() })
		case <-h.changed:
			done, err := h.ended()
			if classes > 0 && done >= classes {
				return err
			}
		}
	}
}

// ended counts the classes whose study has ended, and says what failed.
func (h *Host) ended() (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range h.o.Ended {
		if h.classes[name] == nil {
			n++
		}
	}
	for _, c := range h.classes {
		if s := c.snapshot.Load(); s.state.Done != "" {
			n++
			err = errors.Join(err, s.err)
		}
	}
	return n, err
}

func (h *Host) poke() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// each has all classes do something.
func (h *Host) each(do func(*class)) {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.classes))
	h.mu.Unlock()
	for _, c := range all {
		c.post(func() { do(c) })
	}
}

// classOf returns the class of a name, or nil.
func (h *Host) classOf(name string) *class {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.classes[name]
}

// result takes what a device answered to a job.
func (h *Host) result(d queue.Delivered) {
	c := h.classOf(d.Class)
	if c == nil {
		// Of an earlier run: its device enrols again before long.
		if ours, err := h.known(d.Class); err == nil && !ours {
			h.o.Log.Warn("result dropped: the study has no such class", "class", d.Class, "device", d.Device)
			d.Done()
			return
		}
		d.Later()
		return
	}
	c.post(func() { c.result(d) })
}

// known reports whether the study has a journal of a class.
func (h *Host) known(class string) (bool, error) {
	st, err := h.o.Store.Study(context.Background(), h.o.Study.Name)
	return slices.ContainsFunc(st.Journals, func(j store.JournalInfo) bool { return j.Class == class }), err
}

// state takes what a device tells of itself.
func (h *Host) state(d queue.Delivered) {
	s, err := jobs.Decode[jobs.State](d.Data)
	if err != nil || s.Device != d.Device {
		h.metrics.refused.Inc()
		h.o.Log.Warn("state refused", "device", d.Device, "error", err)
		return
	}
	h.mu.Lock()
	m := h.members[d.Device]
	if m == nil || m.class != d.Class {
		h.mu.Unlock()
		return
	}
	came := !h.active(m)
	m.state, m.seen = s, time.Now()
	came = came && h.active(m)
	c := h.classes[m.class]
	h.mu.Unlock()
	if c != nil && (came || s.Job != "") {
		c.post(func() { c.beat(s, came) })
	}
}

// givenUp takes a job that was handed out too often.
func (h *Host) givenUp(seq uint64) {
	h.each(func(c *class) { c.givenUp(seq) })
}

// lost has all jobs queued again.
func (h *Host) lost() {
	h.o.Log.Warn("the queue lost what was in it; jobs are queued again")
	h.mu.Lock()
	members := maps.Clone(h.members)
	classes := slices.Collect(maps.Keys(h.classes))
	h.mu.Unlock()
	for _, class := range classes {
		if err := h.o.Queue.AddClass(h.ctx, class); err != nil {
			h.o.Log.Error("queue", "error", err)
		}
	}
	for id, m := range members {
		if err := h.o.Queue.AddDevice(h.ctx, m.class, id); err != nil {
			h.o.Log.Error("queue", "error", err)
		}
	}
	h.each(func(c *class) { c.requeue() })
}

// active reports whether a device can be expected to take a job. The lock is held.
func (h *Host) active(m *member) bool {
	return m.quarantine == "" && (m.state.State == jobs.Idle || m.state.State == jobs.Measuring) && time.Since(m.seen) < awayAfter*h.o.Lease
}

// activeIn are the IDs of the devices of a class that can be expected to take a job, in
// order.
func (h *Host) activeIn(class string) (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, m := range h.members {
		if m.class == class && h.active(m) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// severalIn reports whether more than one device of a class may measure, by the store.
func (h *Host) severalIn(class string) (bool, error) {
	all, err := h.o.Store.Devices(h.ctx)
	n := 0
	for _, d := range all {
		if d.Class == class && d.State == store.Active {
			n++
		}
	}
	return n > 1, err
}

// member returns what is known of a device of a class.
func (h *Host) member(id, class string) (member, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[id]
	if m == nil || m.class != class {
		return member{}, false
	}
	return *m, true
}

// quarantine has a device measure no more, for a reason that people get to see.
func (h *Host) quarantine(id, reason string) {
	reason = jobs.Line(reason)
	h.mu.Lock()
	m := h.members[id]
	if m == nil || m.quarantine != "" {
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	// The store first: whoever is quarantined here is there too.
	h.states.Lock()
	if err := h.o.Store.SetDeviceState(context.Background(), id, store.Quarantined, reason); err != nil {
		h.o.Log.Error("store", "error", err)
	}
	h.mu.Lock()
	h.members[id].quarantine = reason
	h.mu.Unlock()
	h.states.Unlock()
	h.o.Log.Warn("device quarantined", "device", id, "name", m.hello.Name, "reason", reason)
	h.dismiss(id, reason)
}

// revoked ends devices whose owner took their credentials away.
func (h *Host) revoked() {
	all, err := h.o.Store.Devices(context.Background())
	if err != nil {
		h.o.Log.Warn("store", "error", err)
		return
	}
	for _, d := range all {
		if d.State != store.Revoked {
			continue
		}
		h.mu.Lock()
		m := h.members[d.ID]
		known := m != nil && m.quarantine == ""
		if known {
			m.quarantine = "it was revoked"
		}
		h.mu.Unlock()
		if known {
			h.o.Log.Info("device revoked", "device", d.ID, "name", d.Name)
			h.dismiss(d.ID, "it was revoked")
			h.each(func(c *class) { c.exclude(d.ID) })
		}
	}
}

// dismiss tells a device to quit, and ends its connection.
func (h *Host) dismiss(id, reason string) {
	if err := h.o.Queue.Order(id, jobs.Order{V: jobs.Version, Do: jobs.Quit, Reason: reason}); err != nil {
		h.o.Log.Warn("queue", "error", err)
	}
	// It has a moment to read why; from now on it is not let in again.
	time.AfterFunc(time.Second, func() { h.o.Queue.Disconnect(id) })
}

// count adds to a device's reputation.
func (h *Host) count(id string, add store.Reputation) {
	if err := h.o.Store.CountDevice(context.Background(), id, time.Now(), add); err != nil {
		h.o.Log.Warn("store", "error", err)
	}
}

// failedOn notes that a device failed a job, or did not, and returns how many it failed
// in a row.
func (h *Host) failedOn(id string, failed bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[id]
	if m == nil {
		return 0
	}
	if m.failures++; !failed {
		m.failures = 0
	}
	return m.failures
}

// bury keeps a job that was given up for people to see.
func (h *Host) bury(class string, j jobs.Job, reason string) {
	h.metrics.dead.Inc()
	h.o.Log.Warn("job given up", "class", class, "trial", j.Number, "arch", j.Arch.ID(), "reason", reason)
	h.mu.Lock()
	h.dead = slices.Insert(h.dead, 0, jobs.DeadJob{Class: class, Number: j.Number, Arch: j.Arch.ID(), Reason: reason})
	h.dead = h.dead[:min(len(h.dead), maxDead)]
	h.mu.Unlock()
	if err := h.o.Queue.Bury(h.ctx, class, j, reason); err != nil {
		h.o.Log.Warn("queue", "error", err)
	}
}

// Fleet is how the host's devices and studies are.
func (h *Host) Fleet() jobs.Fleet {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := jobs.Fleet{V: jobs.Version, Study: h.o.Study.Name, Classes: []jobs.ClassState{}, Devices: []jobs.DeviceState{}, Dead: append([]jobs.DeadJob{}, h.dead...)}
	for _, c := range h.classes {
		f.Classes = append(f.Classes, c.snapshot.Load().state)
	}
	for id, m := range h.members {
		d := jobs.DeviceState{
			Device: id, Name: m.hello.Name, Class: m.class, State: m.state.State, Job: m.state.Job, Done: m.state.Done, Failed: m.state.Failed,
			Slowdown: m.state.Slowdown, Error: m.state.Error, Note: m.state.Note, Reason: m.quarantine, SeenMs: m.seen.UnixMilli(),
		}
		switch {
		case m.quarantine != "":
			d.State = jobs.Quarantined
		case time.Since(m.seen) >= awayAfter*h.o.Lease:
			d.State = jobs.Away
		}
		f.Devices = append(f.Devices, d)
	}
	slices.SortFunc(f.Classes, func(a, b jobs.ClassState) int { return strings.Compare(a.Class, b.Class) })
	slices.SortFunc(f.Devices, func(a, b jobs.DeviceState) int {
		return strings.Compare(a.Class+" "+a.Name+" "+a.Device, b.Class+" "+b.Name+" "+b.Device)
	})
	return f
}
