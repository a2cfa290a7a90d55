package page

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hack-pad/safejs"

	"litefront/kernels/jobs"
	"litefront/kernels/search"
	"litefront/ui/device"
)

// joining is what the page measures for its host.
type joining struct {
	device  *device.Device       // nil while it does not
	stop    context.CancelFunc   // ends it
	answers chan search.Answered // of the job that the worker has; nil for none
	library safejs.Value         // the global litefrontFleet
	wakeful safejs.Value         // lets the screen switch off again; undefined while it may
	low     bool                 // the battery is
}

// seedName is under what the device's key is kept. It stays in this browser.
const seedName = "litefront-device"

// knowDevice finds out whether there is a key, or an invitation from before the page was
// loaded anew.
func (p *page) knowDevice() {
	p.store.KnowDevice(keptSeed() != "")
	if kept := keptInvitation(); kept != "" {
		p.store.TakeInvitation(kept)
	}
}

func keptSeed() string {
	storage, err := safejs.Global().Get("localStorage") // which a browser may refuse
	if err != nil {
		return ""
	}
	return stored(storage, seedName)
}

// keepSeed keeps the key of a device that was let in. Where that cannot be, it needs
// another invitation after a reload.
func keepSeed(seed string) {
	if storage, err := safejs.Global().Get("localStorage"); err == nil {
		_, _ = storage.Call("setItem", seedName, seed)
	}
}

// invitationName is under what an invitation is kept until it is used, for this tab only:
// the page may be loaded anew before, for another build.
const invitationName = "litefront-invitation"

// keepInvitation keeps an invitation, or drops it if it is empty.
func keepInvitation(fragment string) {
	if storage, err := safejs.Global().Get("sessionStorage"); err == nil {
		_, _ = storage.Call("setItem", invitationName, fragment)
	}
}

func keptInvitation() string {
	storage, err := safejs.Global().Get("sessionStorage")
	if err != nil {
		return ""
	}
	return stored(storage, invitationName)
}

// stored is what a storage has under a name; empty for nothing.
func stored(storage safejs.Value, name string) string {
	item, err := storage.Call("getItem", name)
	if err != nil || item.Type() != safejs.TypeString {
		return ""
	}
	text, err := item.String()
	if err != nil {
		return ""
	}
	return text
}

// Join begins to measure for the host.
func (p *page) Join() {
	if !p.store.BeginJoin() {
		return
	}
	persist()
	ctx, stop := context.WithCancel(context.Background())
	p.join = joining{stop: stop}
	go func() {
		err := p.measureForHost(ctx)
		reason := ""
		if !errors.Is(err, context.Canceled) { // or the user ended it
			reason = err.Error()
		}
		stop()
		refused := errors.Is(err, device.ErrRefused)
		if refused {
			keepInvitation("")
		}
		p.change(func() {
			p.join.device = nil
			p.sleep()
			p.store.EndJoin(reason, refused)
		})
	}()
}

// measureForHost measures until ctx ends or something else does, and says why.
func (p *page) measureForHost(ctx context.Context) error {
	library, err := fleetLibrary()
	if err != nil {
		return err
	}
	release, err := awaited(library.Call("claim"))
	if err != nil {
		return err
	}
	if release.Type() != safejs.TypeFunction {
		return errors.New("another tab of this browser measures for this host")
	}
	defer func() { _, _ = release.Invoke() }() // never throws
	seed := keptSeed()
	if seed == "" {
		made, err := library.Call("seed")
		if err == nil {
			seed, err = made.String()
		}
		if err != nil {
			return thrown(err)
		}
	}
	public, err := library.Call("publicKey", seed)
	if err != nil {
		return fmt.Errorf("this device's key cannot be used: %w", thrown(err))
	}
	key, err := public.String()
	if err != nil {
		return err
	}
	d := device.New(device.Config{
		Code: p.store.Code(),
		Join: func(ctx context.Context, order func([]byte)) (device.Queue, jobs.Welcome, error) {
			welcome, err := p.enrol(ctx, library, seed, key)
			if err != nil {
				return nil, welcome, err
			}
			q, err := dial(library, queueURL(), seed, welcome, order)
			if err != nil {
				return nil, welcome, err
			}
			return q, welcome, nil
		},
		Measure: p.measureJob,
		Changed: func(s device.Status) { p.change(func() { p.store.Joined(s) }) },
		Pace:    time.Second,
	})
	p.change(func() {
		p.join.device, p.join.library = d, library
		p.holdJoin()
		p.awake()
	})
	defer p.watchBattery(library, d)()
	return d.Run(ctx)
}

// queueURL is where the host's queue is.
func queueURL() string {
	location, err := safejs.Global().Get("location")
	if err != nil {
		return ""
	}
	scheme := "ws"
	if textOf(location, "protocol") == "https:" {
		scheme = "wss"
	}
	return scheme + "://" + textOf(location, "host") + jobs.QueuePath
}

// enrol introduces the device to the host.
func (p *page) enrol(ctx context.Context, library safejs.Value, seed, key string) (w jobs.Welcome, err error) {
	p.env.Lock()
	hello, err := p.store.Hello(key)
	p.env.UnlockOnly()
	if err != nil {
		return w, fmt.Errorf("%w: %w", device.ErrRefused, err)
	}
	text, err := jobs.Encode(hello)
	if err != nil {
		return w, fmt.Errorf("%w: %w", device.ErrRefused, err)
	}
	signed, err := library.Call("sign", seed, string(text))
	if err != nil {
		return w, thrown(err)
	}
	signature, err := signed.String()
	if err != nil {
		return w, err
	}
	a, err := ask(ctx, "POST", jobs.EnrolPath, string(text), jobs.MaxMessage, jobs.SignatureHeader, signature, "Content-Type", "application/json")
	if err != nil {
		return w, err
	}
	said, _, _ := strings.Cut(strings.TrimSpace(a.text), "\n")
	switch {
	case a.status == tooMany || a.status == timedOut || a.status >= 500:
		return w, fmt.Errorf("%d %.200s", a.status, said)
	case a.status != statusOK:
		return w, fmt.Errorf("%w: %.200s", device.ErrRefused, said)
	}
	if w, err = jobs.Decode[jobs.Welcome]([]byte(a.text)); err != nil {
		return w, err
	}
	if w.Device != jobs.DeviceID(key) {
		return w, fmt.Errorf("the host takes this device for another, %.64s", w.Device)
	}
	keepSeed(seed)
	keepInvitation("")
	p.change(p.store.LetIn)
	return w, nil
}

// stopPatience is how long a worker may take to notice that it is to stop: the time of a
// run of a large model.
const stopPatience = 30 * time.Second

// measureJob has the worker do a job.
func (p *page) measureJob(ctx context.Context, j jobs.Job) (r device.Answer, err error) {
	answers := make(chan search.Answered, 1)
	p.change(func() {
		if p.worker == nil { // it died of an earlier one
			p.Restart()
		}
		p.join.answers = answers
		p.Send(search.Command{Do: search.DoJob, Job: &j})
	})
	var a search.Answered
	select {
	case a = <-answers:
	case <-ctx.Done():
		p.change(func() {
			if p.worker != nil {
				p.Send(search.Command{Do: search.DoStop})
			}
		})
		select {
		case a = <-answers: // the worker gives one, or dies
		case <-time.After(stopPatience):
			p.change(p.Restart)
			a = <-answers
		}
	}
	r.Measurement, r.Logits, r.Failure = a.Measurement, a.Logits, a.Failure
	if a.Unable != "" {
		err = errors.New(a.Unable)
	} else if a.Token != j.Token {
		r, err = device.Answer{}, errors.New("the worker answered another job")
	}
	return r, err
}

// answered takes what came of the job that the worker has.
func (p *page) answered(a search.Answered) {
	if p.join.answers != nil {
		p.join.answers <- a // there is room: one is expected
		p.join.answers = nil
	}
}

// PauseJoin pauses measuring for the host, or goes on with it.
func (p *page) PauseJoin() {
	p.store.PauseJoin(!p.store.Join.Paused)
	p.holdJoin()
	p.awake()
}

// LeaveJoin ends it.
func (p *page) LeaveJoin() {
	if p.join.stop != nil {
		p.join.stop()
	}
}

// holdJoin tells the device what the page knows of reasons to pause.
func (p *page) holdJoin() {
	d := p.join.device
	if d == nil {
		return
	}
	asked, hidden := "", ""
	if p.store.Join.Paused {
		asked = "until you press Resume"
	}
	if p.store.Hidden() {
		hidden = "this page is in the background, where browsers slow it down"
	}
	d.Hold(device.Asked, asked)
	d.Hold(device.Hidden, hidden)
}

// mayAwake reports whether the screen should stay on: while the page measures, or is about
// to without anybody's help. Browsers keep it on only while the page is in view, and have
// to be asked again afterwards.
func (p *page) mayAwake() bool {
	return p.join.device != nil && !p.store.Hidden() && !p.store.Join.Paused && !p.join.low
}

// awake asks the browser to keep the screen on, or no longer.
func (p *page) awake() {
	if !p.mayAwake() {
		p.sleep()
		return
	}
	library := p.join.library
	go func() {
		release, err := awaited(library.Call("keepAwake"))
		p.change(func() {
			p.sleep() // of an earlier time
			if err != nil {
				return
			}
			if p.join.wakeful, p.store.Join.Awake = release, true; !p.mayAwake() {
				p.sleep()
			}
		})
	}()
}

// sleep no longer keeps the screen on.
func (p *page) sleep() {
	if p.join.wakeful.Type() == safejs.TypeFunction {
		_, _ = p.join.wakeful.Invoke() // never throws
	}
	p.join.wakeful, p.store.Join.Awake = safejs.Value{}, false
}

// Shares of a battery: below the one the page does not draw on it any more, from the other
// on it does again.
const (
	lowBattery  = 0.2
	fairBattery = 0.25
)

// watchBattery has the device pause while its battery is low, where the browser tells,
// until end.
func (p *page) watchBattery(library safejs.Value, d *device.Device) (end func()) {
	low := false
	handler, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		charging, _ := args[0].Truthy()
		level, err := args[1].Float()
		enough := lowBattery
		if low {
			enough = fairBattery
		}
		low = err == nil && !charging && level < enough
		why := ""
		if low {
			why = fmt.Sprintf("the battery is at %.0f %%; it goes on at %.0f %%, or when charging", 100*level, 100*fairBattery)
		}
		d.Hold(device.Battery, why)
		is := low
		p.change(func() {
			if p.join.low != is {
				p.join.low = is
				p.awake()
			}
		})
		return nil
	})
	if err != nil {
		return func() {}
	}
	stop, err := awaited(library.Call("onBattery", handler))
	if err != nil {
		return handler.Release
	}
	return func() {
		_, _ = stop.Invoke() // never throws
		handler.Release()
	}
}
