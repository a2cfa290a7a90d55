package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// work takes jobs and answers them, until ctx ends.
func (d *device) work(ctx context.Context) {
	idle, failures := d.pace.idle, 0
	for {
		s := d.link.session(ctx)
		if ctx.Err() != nil {
			return
		}
		m, err := d.next(s)
		switch {
		case m != nil:
			d.answer(ctx, m)
			idle.reset()
			failures = 0
		case err != nil:
			d.log.Debug("no job", "error", plain(err))
			if failures++; failures >= mostFailures { // the host may have to enrol it anew
				failures = 0
				s.conn.Close()
			}
			idle.sleep(ctx)
		default:
			idle.reset()
			failures = 0
		}
	}
}

// mostFailures is how often in a row the queue may not answer on a connection.
const mostFailures = 10

// next asks for a job, first for one that is for this device alone. There may be none.
func (d *device) next(s *session) (*nats.Msg, error) {
	m, err := d.pull(s, jobs.DeviceConsumer(s.welcome.Device), pullRequest{Batch: 1, NoWait: true})
	if m != nil || err != nil {
		return m, err
	}
	return d.pull(s, jobs.ClassConsumer(s.welcome.Class), pullRequest{Batch: 1, Expires: d.pace.poll})
}

// pullRequest is JetStream's.
type pullRequest struct {
	Batch   int           `json:"batch"`
	NoWait  bool          `json:"no_wait,omitempty"`
	Expires time.Duration `json:"expires,omitempty"` // nanoseconds
}

// pull asks a consumer for a message. It waits for longer than the consumer does, also
// when the device is to end: what were sent meanwhile would be nobody's for a lease.
func (d *device) pull(s *session, consumer string, q pullRequest) (*nats.Msg, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	m, err := s.conn.Request("$JS.API.CONSUMER.MSG.NEXT."+jobs.JobsStream+"."+consumer, body, q.Expires+3*time.Second)
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", consumer, err)
	}
	switch status := m.Header.Get("Status"); {
	case status == "" && strings.HasPrefix(m.Reply, "$JS.ACK."):
		return m, nil
	case status == "404", status == "408": // none now, none in time
		return nil, nil
	default:
		return nil, fmt.Errorf("consumer %s: status %.10q %.200q", consumer, status, m.Header.Get("Description"))
	}
}

// answer does a job and sees to it that the host has the result.
func (d *device) answer(ctx context.Context, m *nats.Msg) {
	d.hold(m.Reply)
	if ctx.Err() != nil {
		d.settle(ackBack)
		return
	}
	job, refused := read(m.Data)
	if job == nil {
		d.log.Error("a job that cannot be read", "error", refused)
		d.fail(refused)
		d.settle(ackNobody)
		return
	}
	r, known := d.answered.find(*job)
	if !known {
		if refused == nil {
			refused = d.fits(*job)
		}
		var done bool
		if r, done = d.do(ctx, *job, refused); !done {
			d.settle(ackBack)
			return
		}
		d.answered.add(r)
	}
	if !d.deliver(ctx, r) {
		d.settle(ackBack)
		return
	}
	d.settle(ackDone)
	d.tell(func(s *jobs.State) { s.State, s.Job, s.Note = jobs.Idle, "", "" })
}

// read reads a job. One that is not valid is returned with the reason, as far as it can
// be answered; otherwise it is nil.
func read(data []byte) (*jobs.Job, error) {
	j, err := jobs.Decode[jobs.Job](data)
	if err == nil {
		return &j, nil
	}
	if len(data) > jobs.MaxMessage {
		return nil, err
	}
	// What can be read by other versions, too, tells whose answer it is.
	var whose struct {
		Number int    `json:"trial"`
		Token  string `json:"token"`
	}
	if json.Unmarshal(data, &whose) != nil || whose.Number < 1 {
		return nil, err
	}
	if json.Unmarshal(data, &j) != nil { // its identity is that of what can be read
		j = jobs.Job{}
	}
	j.Number, j.Token = whose.Number, whose.Token
	answer := jobs.Result{V: jobs.Version, Job: j.ID(), Number: j.Number, Token: j.Token, Device: "any", Failure: "not valid"}
	if answer.Validate() != nil {
		return nil, err
	}
	return &j, err
}

// fits says why a valid job is none of this device's.
func (d *device) fits(j jobs.Job) error {
	hello := d.link.hello
	if j.Code != hello.Code {
		return fmt.Errorf("job: code %.40q is not this device's %q", j.Code, hello.Code)
	}
	if class := hello.Class(); j.Class != class {
		return fmt.Errorf("job: class %.40q is not this device's %q", j.Class, class)
	}
	return nil
}

// do measures, unless the job is refused. It is not done if ctx ended or the device is
// at fault.
func (d *device) do(ctx context.Context, j jobs.Job, refused error) (r jobs.Result, done bool) {
	r = jobs.Result{V: jobs.Version, Job: j.ID(), Number: j.Number, Token: j.Token, Device: d.link.device}
	log := d.log.With("trial", j.Number, "arch", j.Arch.ID())
	d.tell(func(s *jobs.State) { s.State, s.Job, s.Note = jobs.Measuring, r.Job, "" })
	var m trial.Measurement
	err := refused
	if err == nil {
		m, r.Logits, err = d.doer.Do(ctx, j)
	}
	if err == nil {
		r.Measurement = &m
		_, err = jobs.Encode(r) // what cannot be sent is a failure
	}
	switch {
	case err == nil:
		log.Info("measured", "prefill_ms", m.Prefill.MedianMs, "decode_ms", m.Decode.MedianMs, "memory_bytes", m.MemoryBytes,
			"verdict", m.Verdict, "slowdown", m.Slowdown, "spent_ms", m.SpentMs)
		d.pace.sick.reset()
		d.tell(func(s *jobs.State) {
			s.Done++
			if m.Slowdown >= 0 && m.Slowdown <= 1e6 {
				s.Slowdown = m.Slowdown
			}
		})
	case ctx.Err() != nil:
		log.Info("given back", "reason", plain(context.Cause(ctx)))
		return r, false
	case errors.Is(err, measure.ErrDevice):
		d.rest(ctx, err)
		return r, false
	default:
		log.Warn("failed", "reason", plain(err))
		r.Failure, r.Measurement, r.Logits = jobs.Line(err.Error()), nil, ""
		d.fail(err)
	}
	return r, true
}

func (d *device) fail(err error) {
	d.tell(func(s *jobs.State) { s.Failed++; s.Error = jobs.Line(err.Error()) })
}

// rest gives the job at hand to other devices and waits until this one may be well.
func (d *device) rest(ctx context.Context, err error) {
	wait := d.pace.sick.step()
	d.log.Error("this device is at fault; it pauses", "error", plain(err), "for", wait.Round(time.Millisecond))
	d.settle(ackBack)
	line := jobs.Line(err.Error())
	d.tell(func(s *jobs.State) {
		s.State, s.Job, s.Error, s.Note = jobs.Paused, "", line, "it did not measure and tries again"
	})
	sleep(ctx, wait)
	d.tell(func(s *jobs.State) { s.State, s.Note = jobs.Idle, "" })
}

// deliver has the host store r, however often it takes. It reports false if ctx ended
// before that.
func (d *device) deliver(ctx context.Context, r jobs.Result) bool {
	text, err := jobs.Encode(r)
	if err != nil { // do has tried
		d.log.Error("a result that cannot be sent", "error", err)
		return false
	}
	retry := d.pace.retry
	for {
		s := d.link.session(ctx)
		if ctx.Err() != nil {
			return false
		}
		err := store(s, text)
		if err == nil {
			return true
		}
		wait := retry.step()
		d.log.Warn("the host has not stored a result", "trial", r.Number, "error", plain(err), "again_in", wait.Round(time.Millisecond))
		d.tell(func(s *jobs.State) { s.Note = "the host has not stored the result yet" })
		sleep(ctx, wait)
	}
}

// store publishes a result and waits until the stream has it. The message has no name: by
// one, another device could have the stream drop it as a duplicate.
func store(s *session, text []byte) error {
	m := nats.NewMsg(jobs.Results(s.welcome.Class, s.welcome.Device))
	m.Data = text
	reply, err := s.conn.RequestMsg(m, 5*time.Second)
	if err != nil {
		return err
	}
	var ack struct {
		Stream string `json:"stream"`
		Error  *struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return errors.New("an answer that cannot be read")
	}
	switch {
	case ack.Error != nil:
		return fmt.Errorf("%d %.200s", ack.Error.Code, jobs.Line(ack.Error.Description))
	case ack.Stream != jobs.ResultsStream:
		return fmt.Errorf("stream %.40q has it, not %q", ack.Stream, jobs.ResultsStream)
	}
	return nil
}

// answers are the last ones, for jobs that the queue delivers again: because it has not
// heard the answer, or because it could not be reached for a lease.
type answers struct{ list []jobs.Result }

const mostAnswers = 16

func (a *answers) find(j jobs.Job) (jobs.Result, bool) {
	for _, r := range a.list {
		if r.Job == j.ID() && r.Number == j.Number && r.Token == j.Token {
			return r, true
		}
	}
	return jobs.Result{}, false
}

func (a *answers) add(r jobs.Result) {
	if len(a.list) == mostAnswers {
		a.list = a.list[1:]
	}
	a.list = append(a.list, r)
}
