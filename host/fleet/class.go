package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"litefront/host/fleet/queue"
	"litefront/host/fleet/trust"
	"litefront/host/store"
	"litefront/kernels"
	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/graph"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// class is the study on the devices of a class. Everything but post and snapshot is for
// its own goroutine.
type class struct {
	host     *Host
	name     string
	code     string           // version that its devices run
	features kernels.Features // of its devices
	journal  *store.Journal
	driver   *search.Driver
	judge    *trust.Judge
	tasks    map[string]*task // by the job's ID, until their trials end
	done     string           // why the study has ended
	err      error
	checked  map[string]bool // devices whose logits were compared
	company  time.Time       // when there was more than one device last, as far as could be told
	others   bool            // there was, in this session or an earlier one

	inbox    chan func()
	snapshot atomic.Pointer[snapshot]
	measured int
	failed   int
	leftMs   float64
}

type snapshot struct {
	state jobs.ClassState
	err   error
}

// task is a candidate that is to be measured.
type task struct {
	trials []trial.Trial // that it is the result of: a reference may equal a candidate
	job    jobs.Job
	// shared is the job's place in the stream for any device, direct that of the one for
	// a device of its own, to; 0 where there is none.
	shared, direct uint64
	to             string
	// claims are the devices that measured it, each with what takes its result from the
	// queue: a result stays there until the journal has one, as a host that dies has
	// heard of it for nothing.
	claims map[string]func()
	failed map[string]string // devices on which it failed, and why
	// silent are devices that were asked for it alone and gave no answer in time.
	silent map[string]bool
	asked  time.Time
	queued time.Time // when it was queued last
	beat   time.Time // when a device told last that it is at it
	// rounds is how often it was handed out in vain as often as the queue does, and again
	// when the next begins, if it is out of the queue until then.
	rounds int
	again  time.Time
	// stuck is since when nobody is there to ask who did not answer.
	stuck time.Time
}

const (
	// maxFailed is how many devices fail a candidate before it is held to be at fault.
	maxFailed = 3
	// maxRounds is how often a job goes through the queue before it is given up. A round
	// is short where devices are paused, and costs a lease: a job is not given up because
	// somebody keeps closing a laptop.
	maxRounds = 4
)

// open opens the study on the class of a device and starts its goroutine. No other is
// opened meanwhile.
func (h *Host) open(name string, hello jobs.Hello) (c *class, err error) {
	if err := h.o.Queue.AddClass(h.ctx, name); err != nil {
		return nil, err
	}
	journal, events, err := h.o.Store.Journal(h.ctx, h.o.Study.ID, name)
	if err != nil {
		return nil, err
	}
	c = &class{
		host: h, name: name, code: hello.Code, features: hello.Features, journal: journal, judge: trust.NewJudge(h.secret),
		tasks: map[string]*task{}, checked: map[string]bool{}, inbox: make(chan func(), 256),
		company: time.Now(), // others may be about to enrol
	}
	q := h.o.Request
	q.Code, q.Journal = hello.Code, events
	q.Reconstrain = len(events) > 0 && q.Reconstrain
	s, err := q.Open(journal, c.watch)
	if err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	budget, err := search.ParseBudget(q.Budget)
	if err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	for _, t := range s.Trials() {
		switch t.Status {
		case study.Measured:
			c.measured++
			c.judge.Learn(t.Arch, *t.Measurement)
		case study.Failed:
			c.failed++
		}
	}
	if c.others, err = h.severalIn(name); err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	c.driver = search.NewDriver(s, budget, func() int64 { return int64(time.Since(h.start)) }, c.watch)
	c.publish()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil { // Run waits for those that it knows
		return nil, errors.Join(errors.New("the host is ending"), journal.Close())
	}
	h.classes[name] = c
	h.running.Go(func() { c.run(h.ctx) })
	return c, nil
}

// run does what is posted until ctx ends.
func (c *class) run(ctx context.Context) {
	defer c.journal.Close()
	c.fill()
	c.publish()
	for {
		select {
		case <-ctx.Done():
			if c.done == "" {
				c.driver.End(search.DoneInterrupted)
			}
			return
		case do := <-c.inbox:
			do()
			c.publish()
		}
	}
}

// post has the class's goroutine do something; it waits for its turn, so that the queue
// gives no more than is taken.
func (c *class) post(do func()) {
	select {
	case c.inbox <- do:
	case <-c.host.ctx.Done():
	}
}

// publish lets others see how the class is.
func (c *class) publish() {
	c.snapshot.Store(&snapshot{jobs.ClassState{
		Class: c.name, Measured: c.measured, Failed: c.failed, Outstanding: len(c.tasks), LeftMs: c.leftMs, Done: c.done,
	}, c.err})
}

func (c *class) watch(e trial.Event) {
	if e.Progress != nil {
		c.leftMs = e.Progress.LeftMs
	}
	if c.host.o.Watch != nil {
		c.host.o.Watch(c.name, e)
	}
}

// end ends the study on this class. What is still out stays outstanding.
func (c *class) end(reason string, err error) {
	if c.done != "" {
		return
	}
	c.done, c.leftMs = reason, 0
	if err != nil {
		c.failWith(err)
	}
	for id, k := range c.tasks {
		switch {
		case c.err != nil || !c.alone(): // the queue keeps the results for another session
			clear(k.claims)
		case len(k.claims) > 0:
			c.settle(k, id)
		}
	}
	for id := range c.tasks {
		c.drop(id)
	}
	c.driver.End(reason)
	if err := c.err; err != nil {
		c.done = search.DoneFailed
		c.host.o.Log.Error("the study ended", "class", c.name, "error", err)
	} else {
		c.host.o.Log.Info("the study ended", "class", c.name, "reason", reason, "measured", c.measured, "failed", c.failed)
	}
	c.publish()
	c.host.poke()
}

// waits reports whether a task was measured and nobody was there to do it again.
func (k *task) waits() bool { return len(k.claims) > 0 && k.shared == 0 && k.direct == 0 }

// failWith notes why the study cannot go on, and ends it.
func (c *class) failWith(err error) {
	if c.err == nil {
		c.err = fmt.Errorf("class %s: %w", c.name, err)
	}
	c.end(search.DoneFailed, nil)
}

// fill hands out as many trials as there are devices to take them, and one for the next
// that is free.
func (c *class) fill() {
	for c.done == "" && c.host.ctx.Err() == nil {
		// What an earlier session handed out may have its result in the queue.
		if !c.room() && !c.driver.Left() && !c.driver.TimeIsUp() {
			return
		}
		t, reason, err := c.driver.Next(c.host.ctx)
		switch {
		case errors.Is(err, trial.ErrWait) && reason == "":
			return
		case err != nil:
			c.end(reason, err)
			return
		case reason == search.DoneInterrupted:
			return
		case reason != "":
			c.end(reason, nil)
			return
		}
		if err := c.add(t); err != nil {
			c.fail([]trial.Trial{t}, err)
		}
	}
}

// room reports whether a device would be idle, or the next that is free, for want of a
// job: those that wait to be confirmed keep one device busy at most, and are not many.
func (c *class) room() bool {
	active := len(c.host.activeIn(c.name))
	unclaimed := 0
	for _, k := range c.tasks {
		if len(k.claims) == 0 {
			unclaimed++
		}
	}
	return unclaimed <= active && len(c.tasks) <= 4*active
}

// add queues a trial.
func (c *class) add(t trial.Trial) error {
	setup := c.host.o.Request.Setup
	o := measure.DefaultOptions()
	budgetMs := c.host.o.Request.TrialTimeMs
	if budgetMs == 0 {
		budgetMs = float64(o.Budget) / float64(time.Millisecond)
	}
	limit := setup.MemoryLimit
	if limit == 0 {
		limit = o.MemoryLimit
	}
	protocol := setup.Protocol
	if protocol == "" {
		protocol = o.Protocol
	}
	j := jobs.Job{
		V: jobs.Version, Study: c.host.o.Study.Name, Class: c.name, Number: t.Number, Token: t.Token, Arch: t.Arch,
		Workload: setup.Workload, Protocol: protocol, Code: c.code, MemoryLimit: limit, BudgetMs: budgetMs,
	}
	if err := j.Validate(); err != nil {
		return err
	}
	id := j.ID()
	if k := c.tasks[id]; k != nil {
		k.trials = append(k.trials, t)
		return nil
	}
	k := &task{trials: []trial.Trial{t}, job: j, claims: map[string]func(){}, failed: map[string]string{}, silent: map[string]bool{}, asked: time.Now()}
	c.tasks[id] = k
	c.queue(k)
	return nil
}

// queue queues a task for any device. One that cannot be queued now is when the class
// looks around next.
func (c *class) queue(k *task) {
	if c.done != "" {
		return
	}
	seq, err := c.host.o.Queue.Publish(c.host.ctx, c.name, "", k.job)
	if err != nil {
		c.host.o.Log.Warn("job not queued yet", "class", c.name, "trial", k.job.Number, "error", err)
		c.company = time.Now() // whoever is there cannot be heard
	}
	k.shared, k.again = seq, time.Time{}
	k.queued, k.beat = time.Now(), time.Now()
}

// drop takes a task from the class and from the queue, and the results for it.
func (c *class) drop(id string) {
	k := c.tasks[id]
	delete(c.tasks, id)
	c.judge.Forget(id)
	for _, done := range k.claims {
		done()
	}
	c.unqueue(k.shared, k.direct)
}

func (c *class) unqueue(places ...uint64) {
	for _, seq := range places {
		if seq == 0 {
			continue
		}
		if err := c.host.o.Queue.Drop(c.host.ctx, seq); err != nil && c.host.ctx.Err() == nil {
			c.host.o.Log.Warn("queue", "error", err)
		}
	}
}

// result takes what a device answered.
func (c *class) result(d queue.Delivered) {
	h := c.host
	m, ok := h.member(d.Device, c.name)
	if !ok {
		// Of an earlier run, and its device enrols again before long, if it may.
		if known, err := h.o.Store.Device(context.Background(), d.Device); errors.Is(err, store.ErrUnknown) || err == nil && (known.State != store.Active || known.Class != c.name) {
			d.Done()
		} else {
			d.Later()
		}
		return
	}
	if m.quarantine != "" {
		h.metrics.refused.Inc()
		d.Done()
		return
	}
	r, err := jobs.Decode[jobs.Result](d.Data)
	switch {
	case err != nil:
		c.garbage(d, err)
		return
	case r.Device != d.Device:
		c.garbage(d, fmt.Errorf("result: device %s is not who sent it", r.Device))
		return
	}
	k := c.tasks[r.Job]
	if k == nil && c.done != "" { // another session may want it
		d.Later()
		return
	}
	if k == nil { // its trial has ended: delivered twice, or late
		h.metrics.duplicate.Inc()
		h.o.Log.Info("result not needed", "class", c.name, "device", d.Device, "trial", r.Number)
		d.Done()
		return
	}
	if r.Failure != "" {
		c.failure(k, r.Job, d, r.Failure)
		return
	}
	if err := c.check(k.job, *r.Measurement); err != nil {
		c.garbage(d, err)
		return
	}
	if err := c.compare(k.job, r); err != nil {
		c.garbage(d, err)
		return
	}
	measurement := *r.Measurement
	// The class is the device that the study is about; the ID says which one it was.
	measurement.Device = m.hello.Device
	measurement.Device.ID, measurement.Device.Name = d.Device, c.name
	for _, t := range k.trials {
		if err := c.driver.Takes(t.Number, t.Token, measurement); err != nil {
			c.garbage(d, err)
			return
		}
	}
	h.failedOn(d.Device, false)
	k.shared = c.taken(k, d.Device)
	k.claims[d.Device] = d.Done
	c.consider(k, r.Job, trust.Claim{Device: d.Device, Measurement: measurement})
}

// taken is the place of a task's job for any device, once one answered: 0, as its job
// is out of the queue then, unless it was asked for alone.
func (c *class) taken(k *task, device string) uint64 {
	if k.to == device {
		return k.shared
	}
	c.unqueue(k.shared) // where it is still there, as after a late answer
	return 0
}

// check reports what of a measurement is not as the job demands.
func (c *class) check(j jobs.Job, m trial.Measurement) error {
	g, err := graph.Build(j.Arch, j.Workload)
	if err != nil {
		return err
	}
	module, err := measure.Compile(g, c.features)
	if err != nil {
		return err
	}
	sha, bytes := module.SHA256, module.Memory.TotalBytes
	if c.code != c.host.o.Code { // another version may plan and compile otherwise
		sha, bytes = "", m.MemoryBytes
	}
	switch {
	case m.ArchID != j.Arch.ID():
		return fmt.Errorf("arch_id %.64q is not the job's", m.ArchID)
	case m.Workload != j.Workload:
		return errors.New("workload is not the job's")
	case m.Protocol != j.Protocol:
		return fmt.Errorf("protocol %.40q is not the job's %q", m.Protocol, j.Protocol)
	case m.Code != j.Code:
		return fmt.Errorf("code %.40q is not the job's %q", m.Code, j.Code)
	}
	return trust.Check(m, bytes, sha)
}

// compare compares what a device computed with what this machine does: of the first
// result of each device, and of one in eight.
func (c *class) compare(j jobs.Job, r jobs.Result) error {
	if c.host.o.Checksum == nil || r.Logits == "" || c.code != c.host.o.Code || c.checked[r.Device] && rand.IntN(8) != 0 {
		return nil
	}
	want, err := c.host.o.Checksum(j.Arch, j.Workload, c.features)
	if err != nil {
		c.host.o.Log.Warn("logits not compared", "trial", j.Number, "error", err)
		return nil
	}
	c.checked[r.Device] = true
	if want != "" && want != r.Logits {
		return errors.New("the logits are not those that this machine computes")
	}
	return nil
}

// garbage counts a result that cannot be.
func (c *class) garbage(d queue.Delivered, err error) {
	h := c.host
	h.metrics.refused.Inc()
	h.o.Log.Warn("result refused", "class", c.name, "device", d.Device, "error", jobs.Line(err.Error()))
	h.count(d.Device, store.Reputation{Refused: 1})
	d.Done()
	for _, q := range c.judge.Garbage(d.Device, err.Error()) {
		c.quarantine(q.Device, q.Reason)
	}
	// Whoever sent it took the job from the queue: another device is to do it.
	for _, k := range c.tasks {
		if k.to == d.Device || k.shared != 0 {
			c.inspect(k)
		}
	}
}

// failure takes that a device failed. Another one is asked before the candidate is held
// to be at fault.
func (c *class) failure(k *task, id string, d queue.Delivered, reason string) {
	h := c.host
	h.count(d.Device, store.Reputation{Failed: 1})
	k.failed[d.Device] = reason
	d.Done()
	if len(k.claims) == 0 && len(k.failed) < maxFailed {
		if other := c.peer(k); other != "" {
			c.send(k, other, "it failed on another device: "+reason)
			return
		}
		if !c.hopeless(k) { // others may come, or come back
			c.unqueue(k.shared, k.direct)
			k.shared, k.direct, k.to, k.again = 0, 0, "", time.Now().Add(h.o.Lease)
			return
		}
	}
	if len(k.claims) == 0 {
		trials := k.trials
		c.drop(id)
		c.fail(trials, errors.New(reason))
		c.fill()
		return
	}
	if k.to == d.Device {
		c.resend(k, id)
	}
}

// fail ends trials without a measurement.
func (c *class) fail(trials []trial.Trial, reason error) {
	for _, t := range trials {
		c.failed++
		if err := c.driver.Fail(t.Number, t.Token, reason); err != nil {
			c.end(search.DoneFailed, err)
			return
		}
	}
}

// peer is the device that is to measure a task which others did or failed: the one that
// has the fewest of such jobs, and is confirmed rather than new; empty if there is none.
func (c *class) peer(k *task) (best string) {
	busy := map[string]int{}
	for _, other := range c.tasks {
		if other.to != "" {
			busy[other.to]++
		}
	}
	// One that is new may need a third to decide: so it comes after those that are confirmed.
	wait := func(id string) int {
		n := 2 * busy[id]
		if c.judge.Confirmed(id) < trust.Probation {
			n++
		}
		return n
	}
	for _, id := range c.peers(k) {
		// Of equals any, so that nobody can choose who checks it.
		if best == "" || wait(id) < wait(best) || wait(id) == wait(best) && rand.IntN(2) == 0 {
			best = id
		}
	}
	return best
}

// peers are the devices that could measure a task and did not, fail or keep silent.
func (c *class) peers(k *task) []string {
	return slices.DeleteFunc(c.host.activeIn(c.name), func(id string) bool {
		return k.claims[id] != nil || k.failed[id] != "" || k.silent[id] || !c.judge.Trusted(id)
	})
}

// send queues a task for one device.
func (c *class) send(k *task, to, why string) {
	c.unqueue(k.direct)
	c.host.o.Log.Info("measured again", "class", c.name, "trial", k.job.Number, "device", to, "reason", why)
	c.host.metrics.replicated.Inc()
	seq, err := c.host.o.Queue.Publish(c.host.ctx, c.name, to, k.job)
	if err != nil {
		c.host.o.Log.Warn("job not queued yet", "class", c.name, "trial", k.job.Number, "error", err)
		c.company = time.Now() // whoever is there cannot be heard
	}
	k.direct, k.to = seq, to
	k.queued, k.beat = time.Now(), time.Now()
}

// resend has another device do what the one that was chosen does not.
func (c *class) resend(k *task, id string) {
	why := "the device that was asked gave no answer"
	if k.to == "" {
		why = "another device is there now"
	}
	c.unqueue(k.direct)
	k.direct, k.to = 0, ""
	if other := c.peer(k); other != "" {
		c.send(k, other, why)
		return
	}
	switch {
	case len(k.claims) == 0 && k.shared == 0:
		c.queue(k) // for whoever comes
	case len(k.claims) == 0:
	case c.hopeless(k):
		c.settle(k, id)
	}
}

// alone reports whether a device is the only one of the class, and has been for some
// time: others get a lease to come, and longer to come back, before one is believed
// alone.
func (c *class) alone() bool { return time.Since(c.company) > c.grace() }

// grace is for how long others are waited for.
func (c *class) grace() time.Duration {
	if c.others {
		return awayAfter * c.host.o.Lease
	}
	return c.host.o.Lease
}

// hopeless reports whether nobody can be expected to say more about a task than was
// said: those who are there have all answered, and others had the time to come.
func (c *class) hopeless(k *task) bool {
	if len(c.peers(k)) > 0 {
		k.stuck = time.Time{}
		return false
	}
	if k.stuck.IsZero() {
		k.stuck = time.Now()
	}
	return c.alone() || time.Since(k.stuck) > c.grace()
}

// settle decides with the claims that there are.
func (c *class) settle(k *task, id string) {
	claim, ok := c.judge.Claimed(id)
	if !ok {
		c.queue(k)
		return
	}
	d := c.judge.Consider(id, k.job.Arch, claim, 0)
	if d.Accept != nil {
		c.host.o.Log.Info("believed without another device", "class", c.name, "trial", k.job.Number, "device", d.Accept.Device)
	}
	c.decide(k, id, d)
}

// quarantine has a device measure no more.
func (c *class) quarantine(device, reason string) {
	c.host.quarantine(device, reason)
	c.exclude(device)
}

// exclude has what a device claimed measured by others.
func (c *class) exclude(device string) {
	c.judge.Exclude(device)
	for id, k := range c.tasks {
		done := k.claims[device]
		if done == nil && k.to != device {
			continue
		}
		if done != nil {
			done()
			delete(k.claims, device)
		}
		if k.to == device || k.to == "" && k.shared == 0 {
			c.resend(k, id)
		}
	}
}

// consider judges a claim and does what is to be done.
func (c *class) consider(k *task, id string, claim trust.Claim) {
	if k.to == claim.Device {
		c.unqueue(k.direct) // it may have answered another copy
		k.direct, k.to = 0, ""
	}
	peers := len(c.peers(k))
	if !c.hopeless(k) {
		peers = max(peers, 1)
	}
	c.decide(k, id, c.judge.Consider(id, k.job.Arch, claim, peers))
}

func (c *class) decide(k *task, id string, d trust.Decision) {
	h := c.host
	for _, device := range d.Confirmed {
		h.count(device, store.Reputation{Confirmed: 1})
	}
	for _, device := range d.Contradicted {
		h.count(device, store.Reputation{Contradicted: 1})
	}
	if d.Accept != nil {
		c.accept(k, id, *d.Accept)
	}
	for _, q := range d.Quarantined {
		c.quarantine(q.Device, q.Reason)
	}
	if d.Replicate == "" || k.to != "" {
		return
	}
	if other := c.peer(k); other != "" {
		c.send(k, other, d.Replicate)
	} else if c.hopeless(k) {
		c.settle(k, id)
	} else {
		c.host.o.Log.Info("waits for another device, and believes this one if none comes", "class", c.name, "trial", k.job.Number, "reason", d.Replicate, "for", c.grace())
	}
	c.fill()
}

// accept tells the study.
func (c *class) accept(k *task, id string, claim trust.Claim) {
	h := c.host
	for _, t := range k.trials {
		if err := c.driver.Tell(t.Number, t.Token, claim.Measurement); err != nil {
			clear(k.claims) // the queue keeps its results: nothing is lost to a full disk
			c.failWith(err)
			return
		}
		c.measured++
	}
	for device, reason := range k.failed { // where others did not
		if n := h.failedOn(device, true); n >= maxFailures {
			defer c.quarantine(device, fmt.Sprintf("%d jobs in a row failed on it that others did, the last with: %s", n, reason))
		}
	}
	h.metrics.accepted.Inc()
	h.metrics.turnaround.Observe(time.Since(k.asked).Seconds())
	h.count(claim.Device, store.Reputation{Accepted: 1})
	c.drop(id)
	c.fill()
}

// beat takes that a device is there, and at which job.
func (c *class) beat(s jobs.State, came bool) {
	if k := c.tasks[s.Job]; k != nil {
		k.beat = time.Now()
	}
	if came {
		for id, k := range c.tasks {
			if k.waits() {
				c.resend(k, id)
			}
		}
		c.fill()
	}
}

// givenUp takes a job that was handed out as often as it may.
func (c *class) givenUp(seq uint64) {
	for id, k := range c.tasks {
		switch seq {
		case k.direct:
			k.silent[k.to] = true
			c.resend(k, id)
			return
		case k.shared:
			c.unqueue(k.shared)
			k.shared = 0
			if k.rounds++; k.rounds < maxRounds {
				k.again = time.Now().Add(c.host.o.Lease)
				return
			}
			reason := fmt.Sprintf("it was handed out %d times and nobody answered", maxRounds*queue.MaxDeliver)
			c.host.bury(c.name, k.job, reason)
			trials := k.trials
			c.drop(id)
			c.fail(trials, errors.New(reason))
			c.fill()
			return
		}
	}
}

// tick looks around: what no device is at, and what has time run out.
func (c *class) tick() {
	active := c.host.activeIn(c.name)
	if len(active) > 1 {
		c.company, c.others = time.Now(), true
	}
	for id, k := range c.tasks {
		switch {
		case k.waits():
			c.resend(k, id)
		case !k.again.IsZero():
			if time.Now().After(k.again) {
				c.queue(k)
			}
		case k.to != "" && !slices.Contains(active, k.to):
			c.resend(k, id)
		case len(active) > 0 && time.Since(k.queued) > c.patience(k):
			// Somebody keeps it, or the queue forgot to say that it gave it up.
			if k.to != "" {
				k.silent[k.to] = true
			}
			c.unqueue(k.shared, k.direct)
			k.shared, k.direct, k.to = 0, 0, ""
			c.resend(k, id)
		case time.Since(k.beat) > 2*c.host.o.Lease:
			c.inspect(k)
		}
	}
	c.fill()
}

// patience is how long a job may be in the queue and on a device: what is before it in
// the queue, and itself, with repeats.
func (c *class) patience(k *task) time.Duration {
	return 6*c.host.o.Lease + 30*time.Duration(k.job.BudgetMs*float64(time.Millisecond))
}

// inspect queues a task again that is neither in the queue nor settled: it was lost, or
// a device took it and answered something else.
func (c *class) inspect(k *task) {
	h := c.host
	for _, place := range []*uint64{&k.shared, &k.direct} {
		if *place == 0 {
			continue
		}
		_, there, err := h.o.Queue.Queued(h.ctx, *place)
		if err != nil || there {
			return // known again when the class looks around next, or waiting
		}
		*place = 0
	}
	k.to = ""
	if len(k.claims) > 0 {
		c.resend(k, k.job.ID())
		return
	}
	c.queue(k)
}

// requeue queues all tasks again: the queue lost them.
func (c *class) requeue() {
	for id, k := range c.tasks {
		k.shared, k.direct, k.to = 0, 0, ""
		if len(k.claims) > 0 {
			c.resend(k, id)
			continue
		}
		c.queue(k)
	}
}
