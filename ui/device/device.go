// Package device is how a page measures for a host: it enrols, takes jobs from the
// host's queue one at a time, has them measured and answers, for as long as nothing
// holds it up. How enrolling, queue and measuring are done comes in, so that all of it
// is tested natively.
package device

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"litefront/kernels/jobs"
	"litefront/kernels/measure"
)

// Message is what came as the answer to a request.
type Message struct {
	// Status is 0, or what a server says instead of an answer, such as 404 for no job.
	Status int
	Reply  string // subject to answer on; empty for none
	Data   []byte
}

// Queue is a connection to the host's queue. Its methods may be called at once.
type Queue interface {
	// Request publishes data and waits for the first answer, for timeout at most. An id
	// that is not empty goes along as the header Nats-Msg-Id.
	Request(subject, id string, data []byte, timeout time.Duration) (Message, error)
	// Publish publishes data and waits for nothing.
	Publish(subject string, data []byte) error
	// Lost is closed when the connection is gone, for good.
	Lost() <-chan struct{}
	Close()
}

// ErrRefused is wrapped by an error of Join that another try would not change.
var ErrRefused = errors.New("the host refuses this device")

// Answer is what came of a job: a measurement, or the reason why there is none, which
// would be one elsewhere too.
type Answer = jobs.Result

// Config is what a device needs.
type Config struct {
	// Code is the version of the program, which jobs must be for.
	Code string
	// Join enrols and connects. What the host orders goes to order, until the connection
	// is lost.
	Join func(ctx context.Context, order func(text []byte)) (Queue, jobs.Welcome, error)
	// Measure does a job, and fills in what a Result has of a measurement, of logits or of
	// a failure. An error says that this device cannot do it now, if ctx is not done.
	Measure func(ctx context.Context, j jobs.Job) (Answer, error)
	// Changed hears how it goes, from a goroutine of its own; the last news in any case.
	Changed func(Status)
	// Pace is the unit in which it waits: for a second try, or for what is to cool down.
	Pace time.Duration
}

// Device measures for a host.
type Device struct {
	Config
	news  chan struct{} // holds one element while Changed is to be called
	order chan string   // the reason to quit

	mu     sync.Mutex
	status Status
	link   *link         // nil while there is none
	holds  [holds]string // reasons to pause
	turn   chan struct{} // closed, and replaced, when link or holds change
	stop   func()        // interrupts the job; nil for none
	reply  string        // of the job that is this device's; empty for none

	// What work alone knows.
	slow   int // measurements in a row on a slow device
	unable int // jobs in a row that could not be done here
}

// New makes a device, which Run has measure.
func New(c Config) *Device {
	return &Device{Config: c, news: make(chan struct{}, 1), order: make(chan string, 1), turn: make(chan struct{})}
}

// link is a connection that stands.
type link struct {
	queue   Queue
	welcome jobs.Welcome
}

// Status is how a device's work for a host goes.
type Status struct {
	State     string // one of package jobs
	Class     string // empty before it first enrolled
	Connected bool
	Job       string // ID of the one that is measured
	Arch      string // of that, for people; of the last one while none is
	Done      int    // jobs that were measured
	Failed    int    // jobs that failed
	// These are of the last measurement, the times medians in milliseconds; 0 before the
	// first.
	PrefillMs, DecodeMs, Slowdown float64
	Error                         string // the last one, in a line
	Note                          string // why it is paused, or what else is to be known
}

// Hold is a kind of reason to pause.
type Hold int

// The kinds. A device pauses while there is a reason of any kind; the first is told.
const (
	Asked   Hold = iota // by the user
	Hidden              // the page is in the background
	Battery             // it is low
	resting             // the device is slow, or could not do a job
	holds
)

// Hold says why to pause, in a line; an empty one ends that. A job that is being
// measured is given back.
func (d *Device) Hold(kind Hold, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds[kind] = why
	if why != "" && d.stop != nil {
		d.stop()
	}
	d.turned()
}

// turned wakes whoever waits for a change of link or holds. The lock is held.
func (d *Device) turned() {
	close(d.turn)
	d.turn = make(chan struct{})
	d.noted()
}

// noted has Changed called soon.
func (d *Device) noted() {
	select {
	case d.news <- struct{}{}:
	default: // it will be
	}
}

// until waits until is holds, which is called with the lock held.
func (d *Device) until(ctx context.Context, is func() bool) error {
	for {
		d.mu.Lock()
		ok, turn := is(), d.turn
		d.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// held is the reason to pause; empty for none. The lock is held.
func (d *Device) held() string {
	for _, why := range d.holds {
		if why != "" {
			return why
		}
	}
	return ""
}

// Run measures until ctx ends, the host says quit, or refuses the device. It says why.
func (d *Device) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	all.Go(func() { d.tell(ctx) })
	all.Go(func() { cancel(d.keepLinked(ctx)) })
	all.Go(func() {
		select {
		case reason := <-d.order:
			cancel(fmt.Errorf("the host says: %s", reason))
		case <-ctx.Done():
		}
	})
	d.work(ctx)
	d.say(jobs.Ended)
	d.drop()
	all.Wait()
	d.Changed(d.now())
	return context.Cause(ctx)
}

// ordered takes an order of the host's.
func (d *Device) ordered(text []byte) {
	o, err := jobs.Decode[jobs.Order](text)
	if err != nil {
		d.complain("an order cannot be read: " + err.Error())
		return
	}
	select {
	case d.order <- o.Reason:
	default: // one is enough
	}
}

// keepLinked keeps the device connected. It returns why it cannot be any more.
func (d *Device) keepLinked(ctx context.Context) error {
	for tries := 0; ; tries++ {
		q, welcome, err := d.Join(ctx, d.ordered)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				q.Close()
			}
			return ctx.Err()
		case errors.Is(err, ErrRefused):
			return err
		case err != nil:
			d.complain("the host cannot be reached: " + err.Error())
			if d.wait(ctx, backOff(tries)) != nil {
				return ctx.Err()
			}
			continue
		}
		tries = -1
		d.setLink(&link{q, welcome})
		d.say("")
		d.beat(ctx, q, welcome)
		if ctx.Err() != nil {
			return ctx.Err() // which says good-bye first
		}
		d.drop()
		if d.wait(ctx, 1) != nil { // also where the host hangs up at once
			return ctx.Err()
		}
	}
}

// backOff is how many paces to wait after so many tries in vain.
func backOff(tries int) int { return min(1<<min(tries, 8), 30) }

// wait waits for so many paces.
func (d *Device) wait(ctx context.Context, paces int) error {
	t := time.NewTimer(time.Duration(paces) * d.Pace)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// beat shows the host that the device lives, until the connection is lost.
func (d *Device) beat(ctx context.Context, q Queue, welcome jobs.Welcome) {
	t := time.NewTicker(time.Duration(welcome.LeaseMs) * time.Millisecond / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.Lost():
			return
		case <-t.C:
			d.mu.Lock()
			reply := d.reply
			d.mu.Unlock()
			if reply != "" {
				d.publish(q, reply, progressing)
			}
			d.say("")
		}
	}
}

// Acknowledgements of JetStream.
var (
	acked       = []byte("+ACK")
	given       = []byte("-NAK") // another device gets it at once
	progressing = []byte("+WPI")
	terminated  = []byte("+TERM")
)

// publish publishes; where that fails the connection is lost, which is noticed elsewhere.
func (d *Device) publish(q Queue, subject string, data []byte) {
	if err := q.Publish(subject, data); err != nil {
		d.complain(err.Error())
	}
}

func (d *Device) setLink(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.link = l
	d.status.Connected = l != nil
	if l != nil {
		d.status.Class = l.welcome.Class
	}
	d.turned()
}

// drop closes the connection, if there is one.
func (d *Device) drop() {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l != nil {
		d.setLink(nil)
		l.queue.Close()
	}
}

// linkUp waits until the device is connected.
func (d *Device) linkUp(ctx context.Context) (l *link, err error) {
	err = d.until(ctx, func() bool { l = d.link; return l != nil })
	return l, err
}

// work takes jobs until ctx ends.
func (d *Device) work(ctx context.Context) {
	for ctx.Err() == nil {
		if d.free(ctx) != nil {
			return
		}
		l, err := d.linkUp(ctx)
		if err != nil {
			return
		}
		m, ok, err := take(l)
		switch {
		case err != nil: // the connection is lost, or the host is busy
			d.complain("the queue gives no job: " + err.Error())
			_ = d.wait(ctx, 1) // it ends with ctx, as this does
		case ok:
			d.do(ctx, l, m)
		}
	}
}

// free waits until nothing holds the device up.
func (d *Device) free(ctx context.Context) error {
	d.mu.Lock()
	why := d.held()
	d.mu.Unlock()
	if why != "" {
		d.say(jobs.Paused)
		if err := d.until(ctx, func() bool { return d.held() == "" }); err != nil {
			return err
		}
	}
	if d.now().State != jobs.Idle {
		d.say(jobs.Idle)
	}
	return nil
}

const (
	pull     = time.Second     // for which the queue waits for a job
	patience = 5 * time.Second // with the queue
)

// take asks for a job: one for this device alone, or else one of its class.
func take(l *link) (m Message, ok bool, err error) {
	next := "$JS.API.CONSUMER.MSG.NEXT." + jobs.JobsStream + "."
	for _, ask := range []struct{ consumer, body string }{
		{jobs.DeviceConsumer(l.welcome.Device), `{"batch":1,"no_wait":true}`},
		{jobs.ClassConsumer(l.welcome.Class), fmt.Sprintf(`{"batch":1,"expires":%d}`, pull)},
	} {
		m, err := l.queue.Request(next+ask.consumer, "", []byte(ask.body), patience)
		if err != nil {
			return m, false, err
		}
		switch {
		case m.Status == 0 && m.Reply != "":
			return m, true, nil
		case m.Status == 404 || m.Status == 408: // none now
		default: // such as 409: the host has removed the consumer
			return m, false, fmt.Errorf("the queue says %d", m.Status)
		}
	}
	return m, false, nil
}

// do does the job that m brings.
func (d *Device) do(ctx context.Context, l *link, m Message) {
	j, err := read(m.Data)
	if err == nil && j.Code != d.Code {
		err = fmt.Errorf("job: code %.40q is not this page's %q", j.Code, d.Code)
	}
	if err != nil {
		d.complain(err.Error())
		result := jobs.Result{V: jobs.Version, Job: j.ID(), Number: j.Number, Token: j.Token, Device: l.welcome.Device, Failure: jobs.Line(err.Error())}
		if result.Validate() != nil || j.Number < 1 {
			d.publish(l.queue, m.Reply, terminated)
			return
		}
		d.deliver(ctx, result, m.Reply)
		return
	}
	result, err := d.measure(ctx, j, m.Reply)
	switch {
	case err != nil && errors.Is(err, context.Canceled):
		d.giveBack(l, m.Reply)
	case err != nil:
		d.giveBack(l, m.Reply)
		d.unable++
		d.rest(ctx, d.unable, "this device could not measure: "+err.Error())
	default:
		d.unable = 0
		result.V, result.Job, result.Number, result.Token, result.Device = jobs.Version, j.ID(), j.Number, j.Token, l.welcome.Device
		d.deliver(ctx, result, m.Reply)
		d.count(result)
		d.coolDown(ctx, result)
	}
}

// measure measures, unless something holds the device up.
func (d *Device) measure(ctx context.Context, j jobs.Job, reply string) (Answer, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d.mu.Lock()
	if d.held() != "" {
		d.mu.Unlock()
		return Answer{}, context.Canceled
	}
	d.stop, d.reply = stop, reply
	d.status.Job, d.status.Arch = j.ID(), j.Arch.String()
	d.mu.Unlock()
	d.say(jobs.Measuring)
	result, err := d.Measure(ctx, j)
	d.mu.Lock()
	interrupted := ctx.Err() != nil && result.Measurement == nil && result.Failure == ""
	d.stop, d.status.Job = nil, ""
	if interrupted || err != nil {
		d.reply = ""
	} // else it stays this device's until the answer is stored
	d.mu.Unlock()
	if interrupted {
		return Answer{}, context.Canceled
	}
	return result, err
}

// giveBack leaves a job to others.
func (d *Device) giveBack(l *link, reply string) {
	d.mu.Lock()
	if d.link != nil {
		l = d.link
	}
	d.mu.Unlock()
	d.publish(l.queue, reply, given)
}

// deliver has the queue store an answer, however long that takes, and then is done with
// the job.
func (d *Device) deliver(ctx context.Context, r jobs.Result, reply string) {
	defer func() {
		d.mu.Lock()
		d.reply = ""
		d.mu.Unlock()
	}()
	text, err := jobs.Encode(r)
	if err != nil { // such as a measurement that is too large
		r.Measurement, r.Logits, r.Failure = nil, "", jobs.Line(err.Error())
		if text, err = jobs.Encode(r); err != nil {
			d.complain(err.Error())
			return
		}
	}
	for tries := 0; ; tries++ {
		l, err := d.linkUp(ctx)
		if err != nil {
			return
		}
		m, err := l.queue.Request(jobs.Results(l.welcome.Class, l.welcome.Device), "", text, patience)
		if err == nil {
			err = stored(m)
		}
		if err == nil {
			d.publish(l.queue, reply, acked)
			return
		}
		d.complain("the answer is not stored yet: " + err.Error())
		if d.wait(ctx, backOff(tries)) != nil {
			return
		}
	}
}

// count counts an answer.
func (d *Device) count(r jobs.Result) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Failure != "" {
		d.status.Failed++
		d.status.Error = r.Failure
	} else {
		d.status.Done++
		d.status.PrefillMs, d.status.DecodeMs, d.status.Slowdown = r.Measurement.Prefill.MedianMs, r.Measurement.Decode.MedianMs, r.Measurement.Slowdown
	}
	d.noted()
}

// coolDown rests after measurements in a row that found the device slower than it was. A
// single one may be due to a program that came by.
func (d *Device) coolDown(ctx context.Context, r jobs.Result) {
	if r.Measurement == nil {
		return
	}
	s := r.Measurement.Slowdown
	if s <= 1+measure.DefaultOptions().DriftTolerance {
		d.slow = 0
		return
	}
	if d.slow++; d.slow > 1 {
		d.rest(ctx, d.slow-1, fmt.Sprintf("the device took %.2f× its best time, by heat, by saving power or for other programs", s))
	}
}

const (
	shortRest = 20 // paces
	longRest  = 60
)

// rest holds the device up after so many times in a row that something speaks for it.
// ctx or the user may end that.
func (d *Device) rest(ctx context.Context, times int, why string) {
	paces := min(shortRest*times, longRest)
	d.Hold(resting, jobs.Line(fmt.Sprintf("resting for %s: %s", time.Duration(paces)*d.Pace, why)))
	d.say(jobs.Paused)
	_ = d.wait(ctx, paces) // it ends with ctx, which work sees
	d.Hold(resting, "")
}

// complain notes an error.
func (d *Device) complain(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.Error = jobs.Line(text)
	d.noted()
}

// say notes the state that begins, if one does, and tells the host.
func (d *Device) say(state string) {
	d.mu.Lock()
	if state != "" {
		d.status.State = state
	}
	l := d.link
	d.mu.Unlock()
	d.noted()
	s := d.now()
	if l == nil {
		return
	}
	text, err := jobs.Encode(jobs.State{V: jobs.Version, Device: l.welcome.Device, State: s.State, Job: s.Job,
		Done: s.Done, Failed: s.Failed, Error: s.Error, Note: s.Note, Slowdown: s.Slowdown})
	if err == nil {
		err = l.queue.Publish(jobs.States(l.welcome.Class, l.welcome.Device), text)
	}
	if err != nil {
		d.complain(err.Error())
	}
}

// tell calls Changed whenever there is news.
func (d *Device) tell(ctx context.Context) {
	for {
		select {
		case <-d.news:
			d.Changed(d.now())
		case <-ctx.Done():
			return
		}
	}
}

func (d *Device) now() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.Note = d.held()
	return s
}
