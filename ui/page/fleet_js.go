package page

import (
	"context"
	"fmt"
	"time"

	"litefront/kernels/jobs"
	"litefront/ui/store"
)

// How often the host is asked how its fleet is: less while this page measures, which the
// drawing would disturb.
const (
	fleetPause      = 2 * time.Second
	fleetPauseAtRun = 10 * time.Second
)

// mostLooks is how often a server may give no answer before it is not asked for a fleet
// any more.
const mostLooks = 5

// watchFleet asks the page's server whether it has a fleet, and follows that if so.
func (p *page) watchFleet() {
	found, tries := false, 0
	for {
		a, err := ask(context.Background(), "GET", jobs.StatePath, "", jobs.MaxMessage)
		switch {
		case err == nil && (a.status == noContent || a.status == notFound): // it has none
			if !found {
				return
			}
			p.changeIf(func() bool { return p.store.LoseFleet("the server has no fleet any more") })
		case !found && (err != nil || a.status != statusOK): // it is busy, or away as long as this page is read
			if tries++; tries == mostLooks {
				return
			}
		case err != nil:
			p.changeIf(func() bool { return p.store.LoseFleet(err.Error()) })
		case a.status != statusOK:
			p.changeIf(func() bool { return p.store.LoseFleet(fmt.Sprintf("%d %.200s", a.status, a.text)) })
		default:
			found = true
			p.changeIf(func() bool { return p.store.SetFleet([]byte(a.text)) })
		}
		for {
			pause := fleetPause
			p.env.Lock()
			if p.store.Join.Active || p.store.Phase() == store.Searching {
				pause = fleetPauseAtRun
			}
			hidden := p.store.Hidden()
			p.env.UnlockOnly()
			time.Sleep(pause)
			if !hidden {
				break
			}
		}
	}
}

// changeIf runs f, which changes the store, and has the page drawn if it says so.
func (p *page) changeIf(f func() bool) {
	p.env.Lock()
	news := f()
	p.env.UnlockOnly()
	if news {
		p.wake()
	}
}

// Invite asks the host for an invitation.
func (p *page) Invite() {
	if !p.store.AskInvitation() {
		return
	}
	go func() {
		a, err := ask(context.Background(), "POST", jobs.InvitePath, "", jobs.MaxMessage)
		p.change(func() {
			switch {
			case err != nil:
				p.store.RefuseInvitation(err.Error())
			case a.status != statusOK:
				p.store.RefuseInvitation(a.text)
			default:
				p.store.SetInvitation([]byte(a.text))
			}
		})
	}()
}

// OpenClass fetches the study of a class of devices, and hands it on as a file that was
// chosen to import.
func (p *page) OpenClass(class string) {
	if !p.store.OpenClass(class) {
		return
	}
	go func() {
		a, err := ask(context.Background(), "GET", jobs.JournalPath+class, "", store.MaxJournal)
		p.change(func() {
			switch {
			case err != nil:
				p.store.ClassNotOpened(err.Error())
			case a.status != statusOK:
				p.store.ClassNotOpened(a.text)
			default:
				if command, ok := p.store.ClassOpened(a.text); ok {
					p.Send(command)
				}
			}
		})
	}()
}
