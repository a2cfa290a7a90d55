package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"litefront/kernels/export"
	"litefront/kernels/search"
)

// generate begins to continue a prompt, and returns meanwhile.
func (s *Session) generate(c search.Command) error {
	if c.Generate == nil {
		return errors.New("generate: what to generate is missing")
	}
	if (c.File != "") != (s.file != nil) {
		return errors.New("generate: weights need both a name and a file")
	}
	if s.Unfit != nil {
		return s.Unfit
	}
	file := s.file
	s.begin("a generation", search.StateGenerating, func(ctx context.Context) error { return s.continuePrompt(ctx, c, file) })
	return nil
}

// pause is the time between two messages of tokens: more of them than the page draws
// would only take time from what generates.
const pause = 200 * time.Millisecond

// continuePrompt is a generation. It reserves the device, for it would disturb what
// another page measures.
func (s *Session) continuePrompt(ctx context.Context, c search.Command, file export.File) error {
	unlock, err := s.reserve()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := c.Generate.Plan(); err != nil { // before a large file is opened
		return fmt.Errorf("generate: %w", err)
	}
	var weights export.Source
	if file != nil {
		if weights, err = export.OpenSafetensors(file, c.Generate.Arch); err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
	}
	var tokens []int
	last := s.Target.Now()
	r, err := c.Generate.Run(ctx, s.Target, weights, func(token int) {
		tokens = append(tokens, token)
		if now := s.Target.Now(); now-last >= pause.Nanoseconds() {
			s.post(search.Message{Generated: &search.Generated{Tokens: tokens}})
			tokens, last = nil, now
		}
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("generate: %w", err)
	}
	s.post(search.Message{Generated: &search.Generated{Tokens: tokens, Result: &r}})
	return nil
}
