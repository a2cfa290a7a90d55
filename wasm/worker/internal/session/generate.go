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
	file := s.file
	return s.begin(search.StateGenerating, func(ctx context.Context) error { return s.continuePrompt(ctx, c, file) })
}

// pause is the time between two messages of tokens: more of them than the page draws
// would only take time from what generates.
const pause = 200 * time.Millisecond

// continuePrompt is a generation.
func (s *Session) continuePrompt(ctx context.Context, c search.Command, file export.File) error {
	if _, err := c.Generate.Plan(); err != nil { // before a large file is opened
		return fmt.Errorf("generate: %w", err)
	}
	var weights export.Source
	var err error
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
		if len(tokens) > 0 {
			s.post(search.Message{Generated: &search.Generated{Tokens: tokens}})
		}
		return fmt.Errorf("generate: %w", err)
	}
	s.post(search.Message{Generated: &search.Generated{Tokens: tokens, Result: &r}})
	return nil
}
