package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"litefront/host/fleet"
	"litefront/host/fleet/queue"
	"litefront/host/runtime"
	"litefront/host/store"
	"litefront/host/web"
	"litefront/kernels"
	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// fleetFlags are the flags of the command fleet.
type fleetFlags struct {
	*setupFlags
	serve    *serveFlags
	store    *storeFlag
	study    string
	lease    time.Duration
	classes  int
	json     bool
	nats     string
	natsUser string
	natsKey  string
}

// fleetCommand runs a study on other devices.
func fleetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Have phones, laptops and edge boards measure for one study",
		Long: "Serve the page, and have the devices that join measure for one study: those that open the printed address,\n" +
			"and those that run litefront device. Each class of devices, alike in processor, engine and program, has a\n" +
			"frontier of its own; all are kept in the store, where a study of the same name goes on.\n" +
			"An invitation admits one device, once. Ctrl-C ends the fleet, and litefront studies shows what it found.",
		Args: noArgs("a space goes with --space, a study with --study"),
	}
	f := &fleetFlags{setupFlags: newSetupFlags(cmd, "100"), serve: newServeFlags(cmd), store: newStoreFlag(cmd)}
	orF16(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.study, "study", "fleet", "name of the study in the store; one that is there is resumed")
	flags.DurationVar(&f.lease, "lease", fleet.DefaultLease, "time without a sign of life after which a device's job goes to another")
	flags.IntVar(&f.classes, "end-after", 0, "end once the study has ended on so many classes of devices, those included whose --budget of candidates was spent in earlier runs; 0 serves until Ctrl-C")
	flags.BoolVar(&f.json, "json", false, `print one Event a line on standard output, as {"class":…,"event":…}`)
	flags.StringVar(&f.nats, "nats", "", "URL of a NATS cluster with JetStream, whose account serves one host at a time, instead of the server in this program; with --nats-creds and --nats-account-key")
	flags.StringVar(&f.natsUser, "nats-creds", "", "with --nats, file of this host's credentials in the cluster")
	flags.StringVar(&f.natsKey, "nats-account-key", "", "with --nats, file with the seed of the account, or of a signing key of it, by which devices get their credentials")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

func (f *fleetFlags) check() error {
	if err := f.serve.check(); err != nil {
		return err
	}
	if err := f.device.check(); err != nil {
		return err
	}
	if err := f.device.options().Validate(); err != nil {
		return err
	}
	switch {
	case f.lease < time.Second || f.lease > time.Hour:
		return fmt.Errorf("lease %v must be between 1s and 1h", f.lease)
	case f.classes < 0:
		return fmt.Errorf("end-after %d must be at least 0", f.classes)
	case f.study == "":
		return errors.New("study must not be empty")
	case (f.nats == "") != (f.natsUser == "") || (f.nats == "") != (f.natsKey == ""):
		return errors.New("--nats, --nats-creds and --nats-account-key go together")
	}
	return nil
}

func (f *fleetFlags) run(cmd *cobra.Command) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	q, err := f.request(cmd)
	if err != nil {
		return err
	}
	q.Name = f.study
	// Before there is a store: what is wrong with the address or the setup leaves none.
	s, err := f.serve.open(cmd)
	if err != nil {
		return err
	}
	defer s.close()
	if absent, err := f.store.absent(); err != nil {
		return err
	} else if absent {
		if err := q.Check(); err != nil {
			return err
		}
	}
	kept, err := f.store.open(cmd.Context(), true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	ctx := untilInterrupted(cmd)
	jobQueue, err := queue.Open(ctx, queue.Options{
		Dir: kept.Path() + ".queue", URL: f.nats, Credentials: f.natsUser, AccountKey: f.natsKey, Lease: f.lease, Log: log,
	})
	if err != nil {
		return err
	}
	defer jobQueue.Close()
	// Last: a fleet that cannot start leaves no study behind.
	st, err := f.open(cmd.Context(), kept, &q)
	if err != nil {
		return err
	}
	out := &lines{out: json.NewEncoder(cmd.OutOrStdout())}
	var watch func(class string, e trial.Event)
	if f.json {
		watch = out.event
	}
	spent, err := tellSpent(ctx, cmd.ErrOrStderr(), kept, st, q, watch)
	if err != nil {
		return err
	}
	if f.classes > 0 && len(spent) >= f.classes {
		return errors.Join(f.conclude(cmd.Context(), cmd.OutOrStdout(), kept), out.err)
	}
	truth := &checksums{start: f.device.start}
	defer truth.close()
	var host *fleet.Host
	o := fleet.Options{
		Request: q, Study: st, Store: kept, Queue: jobQueue, Lease: f.lease, Code: q.Code, Ended: spent, Checksum: truth.of, Log: log, Watch: watch,
		Invite: func(token string) string {
			url := s.base + "#join=" + token
			if s.fingerprint != "" {
				url += "&ca=" + strings.ToLower(strings.ReplaceAll(s.fingerprint, ":", ""))
			}
			return url
		},
	}
	o.Enrolled = func() { f.invite(cmd.ErrOrStderr(), host) }
	host = fleet.New(o)
	if !f.json {
		if err := s.announce(); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	handler := host.Handler(pageOrNone(cmd.ErrOrStderr()))
	go func() {
		defer stop() // nobody can join any more
		served <- s.serve(ctx, handler)
	}()
	f.invite(cmd.ErrOrStderr(), host)
	err = host.Run(ctx, f.classes)
	stop()
	err = errors.Join(err, <-served, out.err)
	if err != nil {
		return oneLine(err)
	}
	return f.conclude(context.WithoutCancel(ctx), cmd.OutOrStdout(), kept)
}

// conclude prints the frontiers of the study, for people alone.
func (f *fleetFlags) conclude(ctx context.Context, w io.Writer, kept *store.Store) error {
	if f.json {
		return nil
	}
	found, err := frontiersOf(ctx, kept, f.study, "", nil)
	if err != nil {
		return err
	}
	return frontierTables(w, found)
}

// open opens the study in the store. One that is there keeps its setup, and flags that
// contradict it are refused.
func (f *fleetFlags) open(ctx context.Context, kept *store.Store, q *search.Request) (store.Study, error) {
	st, err := kept.Study(ctx, f.study)
	if errors.Is(err, store.ErrUnknown) {
		if err := q.Check(); err != nil {
			return st, err
		}
		text, err := json.Marshal(q)
		if err != nil {
			return st, err
		}
		return kept.CreateStudy(ctx, f.study, text)
	}
	if err != nil {
		return st, err
	}
	var before search.Request
	if err := json.Unmarshal(st.Request, &before); err != nil || len(st.Request) == 0 {
		return st, fmt.Errorf("study %q was not made by a fleet; --study names another", f.study)
	}
	if err := f.agrees(before.Setup, q.Setup); err != nil {
		return st, err
	}
	before.Code = q.Code
	if f.flags.Changed("budget") {
		before.Budget = q.Budget
	}
	if f.flags.Changed("constraint") {
		before.Setup.Constraints, before.Reconstrain = q.Setup.Constraints, true
	}
	if f.flags.Changed("trial-time") {
		before.TrialTimeMs = q.TrialTimeMs
	}
	if err := before.Check(); err != nil { // for what is kept is asked for again
		return st, err
	}
	*q = before
	text, err := json.Marshal(before)
	if err != nil {
		return st, err
	}
	return st, kept.SetRequest(ctx, f.study, text)
}

// tellSpent lists the classes on which a budget of candidates is spent already, and says
// so: their devices would wait for work in vain. What changed about the study is recorded
// there, as it is elsewhere when a device comes. What happens is told to watch, if it is
// not nil.
func tellSpent(ctx context.Context, w io.Writer, kept *store.Store, st store.Study, q search.Request, watch func(class string, e trial.Event)) (spent []string, err error) {
	b, err := search.ParseBudget(q.Budget)
	if err != nil || b.Trials == 0 {
		return nil, err
	}
	for _, j := range st.Journals {
		n, is, err := j.Measured+j.Failed, false, error(nil)
		if n >= b.Trials {
			n, is, err = concludeSpent(ctx, kept, st.ID, j.Class, q, b, func(e trial.Event) {
				if watch != nil {
					watch(j.Class, e)
				}
			})
		}
		switch {
		case n == 0 && err == nil:
		case ctx.Err() != nil:
			return spent, nil
		case err != nil: // others can do without it
			fmt.Fprintf(w, "litefront: class %s: %v\n", j.Class, oneLine(err))
		case !is:
			fmt.Fprintf(w, "litefront: class %s has %d candidates of a budget of %s\n", j.Class, n, b)
		default:
			fmt.Fprintf(w, "litefront: the budget of %s is spent on class %s, with %d candidates; a larger --budget continues it\n", b, j.Class, n)
			spent = append(spent, j.Class)
		}
	}
	return spent, nil
}

// concludeSpent counts the candidates of a class that a budget is for, and ends the study
// there if it is spent and nothing beside it is left to measure.
func concludeSpent(ctx context.Context, kept *store.Store, id int64, class string, q search.Request, b search.Budget, watch func(trial.Event)) (n int, spent bool, err error) {
	journal, events, err := kept.Journal(ctx, id, class)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	q.Journal = events
	s, err := q.Open(journal, watch)
	if err != nil {
		return 0, false, err
	}
	driver := search.NewDriver(s, b, func() int64 { return 0 }, watch)
	n = driver.Ended()
	if spent = n >= b.Trials && !driver.Left(); spent {
		driver.End(search.DoneBudget)
	}
	return n, spent, nil
}

// invite prints an invitation, as a QR code too where somebody sees it.
func (f *fleetFlags) invite(w io.Writer, host *fleet.Host) {
	i, err := host.Invite()
	if err != nil {
		fmt.Fprintf(w, "litefront: no invitation: %v\n", err)
		return
	}
	fmt.Fprintf(w, "litefront: until %s one device may join by %s\n", time.UnixMilli(i.ExpiresMs).Format(time.TimeOnly), i.URL)
	out, ok := w.(*os.File)
	if terminal := ok && term.IsTerminal(int(out.Fd())); terminal || f.serve.qr {
		if code, err := qrCode(i.URL); err == nil {
			io.WriteString(w, code)
		}
	}
}

// pageOrNone is the page, or a line where the program was built without it, which w hears
// too: devices that have the program need none.
func pageOrNone(w io.Writer) http.Handler {
	var page http.Handler
	dist, err := web.Dist()
	if err == nil {
		page, err = web.Handler(dist)
	}
	if err == nil {
		return page
	}
	fmt.Fprintf(w, "litefront: browsers cannot join: %v\n", err)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, err.Error(), http.StatusNotFound)
	})
}

// lines writes what happens on all classes, an object a line.
type lines struct {
	mu  sync.Mutex
	out *json.Encoder
	err error
}

func (l *lines) event(class string, e trial.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.out.Encode(struct {
			Class string      `json:"class"`
			Event trial.Event `json:"event"`
		}{class, e})
	}
}

// checksums computes what devices' results are compared with, in a process that is
// started when the first is.
type checksums struct {
	start   func() (*runtime.Process, error)
	mu      sync.Mutex
	process *runtime.Process
}

func (c *checksums) of(a arch.Architecture, w trial.Workload, features kernels.Features) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		p, err := c.start()
		if err != nil {
			return "", err
		}
		c.process = p
	}
	if err := measure.CheckThreads(c.process, w); err != nil {
		return "", err
	}
	return jobs.Checksum(c.process, a, w, features)
}

func (c *checksums) close() {
	if c.process != nil {
		c.process.Close()
	}
}
