package session

import (
	"context"
	"errors"
	"fmt"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// profile begins to measure where the time of an architecture goes.
func (s *Session) profile(c search.Command) error {
	return s.load(c, func(ctx context.Context, q search.Load) error {
		p, err := q.Profile(ctx, s.Target)
		if err == nil {
			s.event(trial.Event{Kind: trial.KindProfile, Profile: &p})
		}
		return err
	})
}

// sustain begins a sustained run. However it ends, the page is told what was taken.
func (s *Session) sustain(c search.Command) error {
	return s.load(c, func(ctx context.Context, q search.Load) error {
		result, err := q.Sustain(ctx, s.Target, func(rounds []trial.Round) {
			s.event(trial.Event{Kind: trial.KindRounds, Rounds: rounds})
		})
		if len(result.Rounds) > 0 {
			s.event(trial.Event{Kind: trial.KindSustained, Sustained: &result})
		}
		return err
	})
}

// load begins to run the command's load. That it was stopped is no error.
func (s *Session) load(c search.Command, run func(context.Context, search.Load) error) error {
	if c.Load == nil {
		return fmt.Errorf("%s: the load is missing", c.Do)
	}
	return s.begin(search.StateMeasuring, func(ctx context.Context) error {
		err := run(ctx, *c.Load)
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", c.Do, err)
		}
		return nil
	})
}

func (s *Session) event(e trial.Event) {
	e.V = trial.EventVersion
	s.post(search.Message{Event: &e})
}
