package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"litefront/bench/contest"
	"litefront/host/store"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// goalListMs is how long listing a study's frontier may take.
const goalListMs = 200

// appends is how many events are appended one by one.
const appends = 200

type storeOptions struct {
	large, others, each, rounds int
	dir                         string
}

type storeResults struct {
	Measurements int     `json:"measurements"`
	Large        int     `json:"large"` // of them in the study that is listed
	Frontier     int     `json:"frontier"`
	Bytes        int64   `json:"bytes"`
	FillSeconds  float64 `json:"fill_s"`

	Questions []contest.Result `json:"questions"`
	Goal      float64          `json:"goal_ms"`
	Pass      bool             `json:"pass"`
}

// benchStore fills a store and asks it questions, in turns.
func benchStore(ctx context.Context, o storeOptions) (r storeResults, err error) {
	dir, err := os.MkdirTemp(o.dir, "litefront-bench-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "store.db")
	s, err := store.Open(ctx, path)
	if err != nil {
		return r, err
	}
	defer s.Close()
	begin := time.Now()
	large, err := fill(ctx, s, o)
	if err != nil {
		return r, err
	}
	r = storeResults{Measurements: o.large + o.others*o.each, Large: o.large, FillSeconds: time.Since(begin).Seconds(), Goal: goalListMs}
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	r.Bytes = info.Size()

	front := func(s *store.Store, objectives ...string) error {
		points, err := s.Frontier(ctx, large.ID, class(0), objectives...)
		if err == nil && len(points) == 0 {
			err = errors.New("an empty frontier")
		}
		if len(objectives) == 0 {
			r.Frontier = len(points)
		}
		return err
	}
	asked := []*contest.Contestant{
		timed("frontier, opening the store too", func() error {
			s, err := store.Open(ctx, path)
			if err != nil {
				return err
			}
			return errors.Join(front(s), s.Close())
		}),
		timed("frontier, the store open", func() error { return front(s) }),
		timed("frontier by two other objectives", func() error { return front(s, "flops", "decode_ms") }),
		timed("list of all studies", func() error { _, err := s.Studies(ctx); return err }),
		timed("list of all devices", func() error { _, err := s.Devices(ctx); return err }),
	}
	for range o.rounds + 1 {
		for _, c := range asked {
			ns, err := c.Run(1)
			if err != nil {
				return r, fmt.Errorf("%s: %w", c.Name, err)
			}
			c.Ms = append(c.Ms, float64(ns)/1e6)
		}
	}
	for _, c := range asked {
		c.Ms = c.Ms[1:] // the first round fills caches
	}
	appended, err := appending(ctx, s, large)
	if err != nil {
		return r, err
	}
	for _, c := range append(asked, appended...) {
		r.Questions = append(r.Questions, c.Result())
	}
	r.Pass = r.Questions[0].MedianMs <= goalListMs
	return r, nil
}

func timed(name string, do func() error) *contest.Contestant {
	return &contest.Contestant{Name: name, Run: func(int) (int64, error) {
		begin := time.Now()
		err := do()
		return int64(time.Since(begin)), err
	}}
}

// appending holds the large journal and goes on with it, each event on the disk before
// the next.
func appending(ctx context.Context, s *store.Store, large store.Study) ([]*contest.Contestant, error) {
	hold := &contest.Contestant{Name: "holding the large journal"}
	begin := time.Now()
	j, events, err := s.Journal(ctx, large.ID, class(0))
	if err != nil {
		return nil, err
	}
	defer j.Close()
	hold.Ms = []float64{float64(time.Since(begin)) / 1e6}
	one := &contest.Contestant{Name: "an event appended to it"}
	st, err := study.Replay(events, timing{j, one}, nil)
	if err != nil {
		return nil, err
	}
	return []*contest.Contestant{hold, one}, measure(st, appends/2, rand.New(rand.NewPCG(0, 0)))
}

// timing is a journal that times another.
type timing struct {
	journal study.Journal
	c       *contest.Contestant
}

func (t timing) Append(e trial.Event) error {
	begin := time.Now()
	err := t.journal.Append(e)
	t.c.Ms = append(t.c.Ms, float64(time.Since(begin))/1e6)
	return err
}

// classes is how many classes of devices the smaller studies run on.
const classes = 10

func class(i int) string { return fmt.Sprintf("class %d", i%classes) }

// fill writes one large study and others, on ten classes of devices each.
func fill(ctx context.Context, s *store.Store, o storeOptions) (large store.Study, err error) {
	for i := range 2 * classes {
		d := store.Device{ID: deviceOf(i), Name: deviceOf(i), Class: class(i), PublicKey: deviceOf(i), State: store.Active, FirstSeen: time.Now(), LastSeen: time.Now()}
		if err := s.PutDevice(ctx, d); err != nil {
			return large, err
		}
	}
	events, err := events("large", 1, o.large)
	if err != nil {
		return large, err
	}
	if large, err = s.Import(ctx, "", class(0), events); err != nil {
		return large, err
	}
	for i := range o.others {
		if i%classes == 0 { // the classes of one study differ in their names alone, which nobody here looks at
			if events, err = eventsOf(i/classes, o.each); err != nil {
				return large, err
			}
		}
		if _, err := s.Import(ctx, "", class(i), events); err != nil {
			return large, err
		}
	}
	return large, nil
}

func eventsOf(i, results int) ([]trial.Event, error) {
	return events(fmt.Sprintf("study %d", i), uint64(2+i), results)
}

func deviceOf(i int) string { return fmt.Sprintf("device %d", i) }

// list keeps events in memory.
type list struct{ events []trial.Event }

func (l *list) Append(e trial.Event) error {
	l.events = append(l.events, e)
	return nil
}

// events are those of a random search by the default objectives.
func events(name string, seed uint64, results int) ([]trial.Event, error) {
	sp, err := space.Preset("lts-gpt2")
	if err != nil {
		return nil, err
	}
	var l list
	st, err := study.New(name, "bench", trial.Setup{
		Space: sp, Workload: trial.DefaultWorkload(), Objectives: objective.Defaults(),
		Strategy: "random", Protocol: trial.Litefront, Seed: seed, MemoryLimit: 2 << 30,
	}, &l, nil)
	if err != nil {
		return nil, err
	}
	err = measure(st, results, rand.New(rand.NewPCG(seed, seed)))
	return l.events, err
}

// samples of each timing are about as many as the protocol takes.
const samples = 12

// measure invents results: times that grow with the parameters, more or less.
func measure(st *study.Study, results int, r *rand.Rand) error {
	for range results {
		tr, err := st.Ask()
		if err != nil {
			return err
		}
		timing := func(ms float64) trial.Stat {
			s := trial.Stat{Batch: 1, MedianMs: ms, LowMs: 0.98 * ms, HighMs: 1.02 * ms, MinMs: 0.97 * ms, MeanMs: ms, SpreadMs: 0.02 * ms}
			for range samples {
				s.SamplesMs = append(s.SamplesMs, ms*(0.97+0.06*r.Float64()))
			}
			return s
		}
		ms := float64(tr.Arch.DecoderParams()) / 4e6 * (0.8 + 0.4*r.Float64())
		m := trial.Measurement{
			ArchID: tr.Arch.ID(), Workload: trial.DefaultWorkload(), Code: "bench", Protocol: trial.Litefront,
			Device:  trial.Device{ID: deviceOf(r.IntN(2 * classes)), Name: "bench", OS: "linux", Arch: "amd64", Engine: "none", Features: []string{"simd128"}},
			Prefill: timing(40 * ms), Decode: timing(ms), Compute: timing(1), Stream: timing(2), SpentMs: 1000, Verdict: trial.OK,
		}
		if err := st.Tell(tr.Number, tr.Token, m); err != nil {
			return err
		}
	}
	return nil
}

func (r storeResults) print() {
	fmt.Printf("a store with %d measurements, %d of them in one study with %d on its frontier; %.1f GiB, filled in %.0f s\n\n",
		r.Measurements, r.Large, r.Frontier, float64(r.Bytes)/(1<<30), r.FillSeconds)
	fmt.Printf("%-34s %10s %10s %10s\n", "", "median ms", "IQR ms", "min ms")
	for _, q := range r.Questions {
		fmt.Printf("%-34s %10.2f %10.2f %10.2f\n", q.Name, q.MedianMs, q.IQRMs, q.MinMs)
	}
	fmt.Println()
	contest.Verdict(r.Pass, "listing a study's frontier takes %.1f ms in the median, the store's opening included (goal %d ms)", r.Questions[0].MedianMs, goalListMs)
}
