package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/kernels/search"
)

// A host may ask for less than this, and not for more.
const (
	maxJobMemory = 1 << 30 // bytes of linear memory; the page's own searches have no more
	maxJobTime   = 5 * time.Minute
)

// job begins to measure for a host. The page has judged whether the job is one for its
// program. However it ends, it is answered.
func (s *Session) job(c search.Command) error {
	if c.Job == nil {
		return errors.New("job: it is missing")
	}
	j := *c.Job
	if s.Unfit != nil {
		s.post(search.Message{Answered: &search.Answered{Token: j.Token, Unable: jobs.Line(s.Unfit.Error())}})
		return nil
	}
	s.launch(search.StateMeasuring, func(ctx context.Context) {
		answer := search.Answered{Token: j.Token, Unable: "the worker failed"} // unless it is told below
		defer func() {
			if r := recover(); r != nil {
				answer.Unable = jobs.Line(fmt.Sprintf("the worker failed: %v", r))
			}
			s.post(search.Message{Answered: &answer})
		}()
		answer = s.answer(ctx, j)
	})
	return nil
}

// answer does a job.
func (s *Session) answer(ctx context.Context, j jobs.Job) search.Answered {
	answer := search.Answered{Token: j.Token}
	unlock, err := s.reserve()
	if err != nil {
		answer.Unable = jobs.Line(err.Error())
		return answer
	}
	defer unlock()
	if s.jobs == nil {
		s.jobs = &jobs.Worker{Target: s.Target, MemoryLimit: maxJobMemory, Budget: maxJobTime}
	}
	s.jobs.Code = j.Code
	m, logits, err := s.jobs.Do(ctx, j)
	switch {
	case err == nil:
		answer.Measurement, answer.Logits = &m, logits
	case ctx.Err() != nil:
	case errors.Is(err, measure.ErrDevice):
		answer.Unable = jobs.Line(err.Error())
	default:
		answer.Failure = jobs.Line(err.Error())
	}
	return answer
}

// dropJobs frees what measuring for a host keeps on the target.
func (s *Session) dropJobs() {
	if s.jobs != nil {
		s.jobs.Close()
	}
}
