package measure

import (
	"context"
	"slices"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Profile tells where the time and the memory of a under w go: it times each group
// of operations (kernels.CompileProfile) and the whole passes in turn, by warm-up,
// samples and stopping rule of [LocalMeasurer.Measure]. Sentinels do not run: shares
// of one run see the same device. Errors are those of Measure, and an interrupted
// profile is none.
func (l *LocalMeasurer) Profile(ctx context.Context, a arch.Architecture, w trial.Workload) (trial.Profile, error) {
	if err := a.Validate(); err != nil {
		return trial.Profile{}, err
	}
	g, err := l.plan(a, w)
	if err != nil {
		return trial.Profile{}, err
	}
	device := l.target.Device()
	s, err := newSession(ctx, device.TimerStepNs, l.options.Budget)
	if err != nil {
		return trial.Profile{}, err
	}
	module, err := kernels.CompileProfile(g, g.Groups(), l.target.Features())
	if err != nil {
		return trial.Profile{}, err
	}
	p := trial.Profile{ArchID: g.Arch.ID(), Workload: w, Device: device, Code: l.options.Code, ModuleSHA256: module.SHA256,
		Memory: MemoryParts(g), MemoryBytes: g.Memory.TotalBytes}
	if err := s.check(); err != nil {
		return trial.Profile{}, err
	}
	program, err := l.target.Prepare(module)
	if err != nil {
		return trial.Profile{}, &stepError{"prepare", err}
	}
	defer program.Close() // an error at the end takes nothing from the numbers
	if _, err := s.run(program, initCall); err != nil {
		return trial.Profile{}, err
	}
	err = l.phases(s, g, program, &p)
	if err != nil {
		return trial.Profile{}, err
	}
	return p, nil
}

// MemoryParts divides the planned memory of g, as [trial.Profile] has it.
func MemoryParts(g *graph.Graph) (parts []trial.MemoryPart) {
	for _, u := range g.Usage() {
		parts = append(parts, trial.MemoryPart{Name: u.Name, Kind: u.Kind.String(), Tensors: u.Tensors, Bytes: u.Bytes})
	}
	return parts
}

// phases times the groups of g and fills in prefill and decode.
func (l *LocalMeasurer) phases(s *session, g *graph.Graph, program Program, p *trial.Profile) error {
	groups := g.Groups()
	tokens, pos := g.Workload.PromptLen, g.Workload.DecodePos()
	prefill, decode := &phase{rows: tokens}, &phase{pos: pos, rows: 1}
	prefill.add(program, "prefill_loop", tokens)
	decode.add(program, "decode_loop", pos)
	for i := range groups {
		prefillLoop, decodeLoop := kernels.ProfileExports(i)
		prefill.add(program, prefillLoop, tokens)
		decode.add(program, decodeLoop, pos)
	}
	if err := l.sampleAll(s, slices.Concat(prefill.loops, decode.loops)); err != nil {
		return err
	}
	p.Prefill, p.Decode = prefill.profile(g, groups), decode.profile(g, groups)
	return nil
}

// timed is a loop and its samples.
type timed struct {
	loop
	series
}

// sampleAll warms up all loops and takes samples of those that need more, in
// turn. The allowance for warming up is divided among them.
func (l *LocalMeasurer) sampleAll(s *session, all []*timed) error {
	s.warmUpNs = 2 * s.warmUpNs / int64(len(all))
	for _, x := range all {
		if err := s.warmUp(&x.loop); err != nil {
			return err
		}
	}
	for more := true; more; {
		more = false
		for _, x := range all {
			if l.options.enough(&x.series, s) {
				continue
			}
			more = true
			if err := x.take(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// phase is prefill or decode: the whole pass, then each group, for so many rows
// from a position on.
type phase struct {
	pos, rows int
	loops     []*timed
}

func (f *phase) add(p Program, export string, arg int) {
	x := &timed{loop: loop{program: p, export: export, arg: uint32(arg)}}
	x.read = func(s *session) (float64, error) { return s.sample(&x.loop) }
	f.loops = append(f.loops, x)
}

func (f *phase) profile(g *graph.Graph, groups []graph.Group) trial.PhaseProfile {
	stat := func(x *timed) trial.Stat { return summarize(x.samplesMs, int(x.batch)) }
	p := trial.PhaseProfile{Whole: stat(f.loops[0])}
	for i, group := range groups {
		work, time := g.GroupWork(group, f.pos, f.rows), stat(f.loops[1+i])
		p.Ops = append(p.Ops, trial.OpProfile{Name: group.Name, Count: len(group.Ops), Time: time,
			MACs: work.MACs, FLOPs: work.FLOPs(), Bytes: work.Bytes,
			GFLOPS: float64(work.FLOPs()) / time.MedianMs / 1e6, GBPerS: float64(work.Bytes) / time.MedianMs / 1e6})
		p.SumMs += time.MedianMs
	}
	for i := range p.Ops {
		p.Ops[i].Share = p.Ops[i].Time.MedianMs / p.SumMs
	}
	return p
}
