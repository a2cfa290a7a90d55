package measure

import "context"

// WarmUp runs the loops of p, an initialised module of target, for a prompt of so many
// tokens and the position pos, until they are as steady as [LocalMeasurer] asks before
// it takes samples, or its share of a candidate's usual time is spent.
func WarmUp(ctx context.Context, target Target, p Program, promptLen, pos int) error {
	s, err := newSession(ctx, target.Device().TimerStepNs, DefaultOptions().Budget)
	if err != nil {
		return err
	}
	if err := s.warmUp(&loop{program: p, export: "prefill_loop", arg: uint32(promptLen)}); err != nil {
		return err
	}
	return s.warmUp(&loop{program: p, export: "decode_loop", arg: uint32(pos)})
}
