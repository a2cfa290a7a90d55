package fleet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"litefront/host/lan"
	"litefront/host/store"
	"litefront/host/web"
	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/searchcore/study"
)

const (
	// InvitationTime is for how long an invitation is good.
	InvitationTime = 30 * time.Minute
	// maxInvitations bounds those that are open at once.
	maxInvitations = 256
	// maxHello bounds the body of a request to enrol, in bytes.
	maxHello = 32 << 10
)

// refusal is why a request is refused, with the status that says so.
type refusal struct {
	status int
	why    string
}

func (r refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return refusal{status, jobs.Line(fmt.Sprintf(format, args...))}
}

// Invite makes an invitation: one device enrols with it, once, before it expires. Only
// a hash of its token is kept.
func (h *Host) Invite() (jobs.Invitation, error) {
	token := rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expire()
	if len(h.invitations) >= maxInvitations {
		return jobs.Invitation{}, refuse(http.StatusTooManyRequests, "%d invitations are open already, the most that are allowed", maxInvitations)
	}
	expires := time.Now().Add(InvitationTime)
	h.invitations[sha256.Sum256([]byte(token))] = expires
	i := jobs.Invitation{V: jobs.Version, URL: h.o.Invite(token), ExpiresMs: expires.UnixMilli()}
	i.Code, i.CodeSize = drawCode(i.URL)
	return i, nil
}

// expire forgets invitations that are good no more. The lock is held.
func (h *Host) expire() {
	for hash, expires := range h.invitations {
		if time.Now().After(expires) {
			delete(h.invitations, hash)
		}
	}
}

// Enrol lets a device in that has an invitation, or that the store knows.
func (h *Host) Enrol(hello jobs.Hello) (jobs.Welcome, error) {
	if !nkeys.IsValidPublicUserKey(hello.Key) {
		return jobs.Welcome{}, refuse(http.StatusBadRequest, "key %.80q must be the public nkey of a user", hello.Key)
	}
	// One after the other, so that no invitation is used twice; others need not wait for
	// the store and the queue.
	h.enrolling.Lock()
	defer h.enrolling.Unlock()
	known, invited, err := h.admit(hello)
	if err != nil {
		return jobs.Welcome{}, err
	}
	id, class := jobs.DeviceID(hello.Key), hello.Class()
	c := h.classOf(class)
	if c == nil {
		if !invited { // counted at once: what follows may fail again and again
			h.mu.Lock()
			h.opened[id]++
			h.mu.Unlock()
		}
		if c, err = h.open(class, hello); err != nil {
			return jobs.Welcome{}, err
		}
	}
	welcome := jobs.Welcome{V: jobs.Version, Device: id, Class: class, LeaseMs: h.o.Lease.Milliseconds()}
	if welcome.JWT, err = h.o.Queue.Credentials(class, id, hello.Key); err != nil {
		return jobs.Welcome{}, err
	}
	if err := errors.Join(h.o.Queue.AddClass(h.ctx, class), h.o.Queue.AddDevice(h.ctx, class, id)); err != nil {
		return jobs.Welcome{}, err
	}
	seen := hello.Device
	seen.ID = id
	if err := h.o.Store.PutDevice(context.Background(), store.Device{
		ID: id, Name: hello.Name, Class: class, PublicKey: hello.Key, Seen: seen,
		State: store.Active, FirstSeen: time.Now(), LastSeen: time.Now(),
	}); err != nil {
		return jobs.Welcome{}, err
	}
	h.states.Lock()
	defer h.states.Unlock()
	// It may have been quarantined meanwhile.
	if now, err := h.o.Store.Device(context.Background(), id); err != nil || now.State != store.Active {
		return jobs.Welcome{}, errors.Join(err, refuse(http.StatusForbidden, "this device is %s: %s", now.State, now.Reason))
	}
	h.mu.Lock()
	delete(h.invitations, sha256.Sum256([]byte(hello.Token))) // only now: a fault on this side uses none up
	old := h.members[id]
	h.members[id] = &member{hello: hello, class: class, seen: time.Now()}
	if old != nil && old.class == class {
		h.members[id].state, h.members[id].failures = old.state, old.failures
	}
	h.mu.Unlock()
	if invited && h.o.Enrolled != nil {
		h.o.Enrolled()
	}
	// Not while this holds what the class's goroutine may wait for.
	go c.post(func() {
		if old != nil && old.quarantine != "" {
			c.judge.Readmit(id)
			return
		}
		if was := known.Reputation; known.Class == class {
			c.judge.Recall(id, int(was.Confirmed), int(was.Contradicted+was.Refused))
		}
	})
	h.o.Log.Info("device enrolled", "device", id, "name", hello.Name, "class", class)
	return welcome, nil
}

// ending reports whether Run has ended, or is about to.
func (h *Host) ending() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ctx != nil && h.ctx.Err() != nil
}

// admit says who a device is that may enrol, the zero device if it is new, and whether it
// has an invitation.
func (h *Host) admit(hello jobs.Hello) (known store.Device, invited bool, err error) {
	id := jobs.DeviceID(hello.Key)
	known, err = h.o.Store.Device(context.Background(), id)
	switch {
	case errors.Is(err, store.ErrUnknown):
		if hello.Token == "" {
			return known, false, refuse(http.StatusUnauthorized, "this device needs an invitation: the host prints one, and its page shows one")
		}
	case err != nil:
		return known, false, err
	case known.State != store.Active:
		return known, false, refuse(http.StatusForbidden, "%s", strings.TrimSuffix(fmt.Sprintf("this device is %s: %s", known.State, known.Reason), ": "))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expire()
	_, invited = h.invitations[sha256.Sum256([]byte(hello.Token))]
	opens := h.classes[hello.Class()] == nil
	switch {
	case !invited && known.ID == "":
		return known, invited, refuse(http.StatusUnauthorized, "this invitation was used already, or has expired")
	case h.ctx == nil:
		return known, invited, refuse(http.StatusServiceUnavailable, "the host is not ready yet")
	case !slices.Contains(measure.Precisions(hello.Features), h.o.Request.Setup.Workload.Precision):
		return known, invited, refuse(http.StatusConflict, "the study is in precision %q, and this device has %q", h.o.Request.Setup.Workload.Precision, measure.Precisions(hello.Features))
	case h.o.Request.Setup.Workload.Threads > max(hello.Features.Threads, 1):
		return known, invited, refuse(http.StatusConflict, "the study is about %d threads, and this device has %d: a page needs HTTPS for more than one", h.o.Request.Setup.Workload.Threads, max(hello.Features.Threads, 1))
	case h.members[id] == nil && len(h.members) >= maxDevices:
		return known, invited, refuse(http.StatusServiceUnavailable, "%d devices are enrolled already, the most that are allowed", maxDevices)
	case opens && !invited && h.opened[id] >= maxOpened:
		return known, invited, refuse(http.StatusTooManyRequests, "this device was of %d new classes already, the most that are allowed without another invitation", maxOpened)
	case opens && len(h.classes) >= maxClasses:
		return known, invited, refuse(http.StatusServiceUnavailable, "%d classes of devices measure already, the most that are allowed", maxClasses)
	}
	return known, invited, nil
}

// Admitted reports why a device is not let through the gate.
func (h *Host) Admitted(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m := h.members[id]; {
	case m == nil:
		return errors.New("this device has to enrol, again if the host was restarted")
	case m.quarantine != "":
		return fmt.Errorf("this device is quarantined: %s", m.quarantine)
	}
	return nil
}

// Handler answers what devices and the page ask a fleet for, and has page answer the
// rest. Requests that another site has a browser send are refused.
func (h *Host) Handler(page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.HandleFunc("POST "+jobs.EnrolPath, h.serveEnrol)
	mux.Handle("GET "+jobs.QueuePath, h.o.Queue.Gate(h.Admitted))
	mux.HandleFunc("POST "+jobs.InvitePath, h.serveInvite)
	mux.HandleFunc("GET "+jobs.StatePath, func(w http.ResponseWriter, _ *http.Request) { answer(w, h.Fleet()) })
	mux.HandleFunc("GET "+jobs.JournalPath+"{class}", h.serveJournal)
	mux.Handle("GET "+jobs.MetricsPath, h.metrics.handler)
	mux.HandleFunc("GET "+jobs.HealthPath, h.serveHealth)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.reject(w, r, refuse(http.StatusForbidden, "requests of other origins are refused"))
	}))
	return protection.Handler(mux)
}

// reject answers with why a request is refused, and logs it.
func (h *Host) reject(w http.ResponseWriter, r *http.Request, err error) {
	var why refusal
	if !errors.As(err, &why) {
		h.o.Log.Error("request failed", "path", r.URL.Path, "from", r.RemoteAddr, "error", err)
		http.Error(w, "the host has a fault of its own, which it has logged", http.StatusInternalServerError)
		return
	}
	h.o.Log.Warn("request refused", "path", r.URL.Path, "from", r.RemoteAddr, "reason", why.why)
	http.Error(w, why.why, why.status)
}

func (h *Host) serveEnrol(w http.ResponseWriter, r *http.Request) {
	if !h.enrols.Allow() {
		h.reject(w, r, refuse(http.StatusTooManyRequests, "too many devices enrol at once; try again in a moment"))
		return
	}
	welcome, err := h.enrolRequest(w, r)
	if err != nil {
		if why := new(refusal); h.ending() && !errors.As(err, why) {
			h.o.Log.Info("device not enrolled", "from", r.RemoteAddr, "error", err)
			err = refuse(http.StatusServiceUnavailable, "the host is ending: its study has ended, or was interrupted")
		}
		h.reject(w, r, err)
		return
	}
	answer(w, welcome)
}

func (h *Host) enrolRequest(w http.ResponseWriter, r *http.Request) (jobs.Welcome, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHello))
	if err != nil {
		return jobs.Welcome{}, refuse(http.StatusRequestEntityTooLarge, "a hello has at most %d bytes", maxHello)
	}
	hello, err := jobs.Decode[jobs.Hello](body)
	if err != nil {
		return jobs.Welcome{}, refuse(http.StatusBadRequest, "%v", err)
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(jobs.SignatureHeader))
	if err != nil {
		return jobs.Welcome{}, refuse(http.StatusBadRequest, "%s must be base64", jobs.SignatureHeader)
	}
	key, err := nkeys.FromPublicKey(hello.Key)
	if err == nil {
		err = key.Verify(body, signature)
	}
	if err != nil {
		return jobs.Welcome{}, refuse(http.StatusForbidden, "the hello is not signed by its key")
	}
	return h.Enrol(hello)
}

// serveInvite gives an invitation to who sits at this machine.
func (h *Host) serveInvite(w http.ResponseWriter, r *http.Request) {
	if !here(r) || !named(r) {
		h.reject(w, r, refuse(http.StatusForbidden, "invitations are given on the host's own machine alone"))
		return
	}
	invitation, err := h.Invite()
	if err != nil {
		h.reject(w, r, err)
		return
	}
	answer(w, invitation)
}

// here reports whether a request comes from this machine: from an address of loopback,
// or from the very address that it came to.
func here(r *http.Request) bool {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(remote); ip == nil || ip.IsLoopback() {
		return ip != nil
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	to, _, err := net.SplitHostPort(local.String())
	return err == nil && to == remote
}

// named reports whether a request was sent to what this machine is called, and by no
// proxy: a website that has a name lead here is not whoever sits at this machine, nor is
// everybody behind a proxy.
func named(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	to, err := netip.ParseAddrPort(local.String())
	return err == nil && lan.Here(to.Addr().Unmap()).Has(strings.ToLower(web.Hostname(r.Host)))
}

// maxJournal bounds a journal that is sent, in bytes.
const maxJournal = 64 << 20

// serveJournal answers with a class's journal as it is, an event a line.
func (h *Host) serveJournal(w http.ResponseWriter, r *http.Request) {
	class := r.PathValue("class")
	if h.classOf(class) == nil {
		h.reject(w, r, refuse(http.StatusNotFound, "no class %.80q", class))
		return
	}
	select {
	case h.journals <- struct{}{}:
	default:
		h.reject(w, r, refuse(http.StatusServiceUnavailable, "another journal is being read; try again in a moment"))
		return
	}
	text, err := h.journal(r.Context(), class)
	<-h.journals
	if err != nil {
		h.reject(w, r, err)
		return
	}
	header(w, "application/x-ndjson")
	w.Write(text)
}

// journal reads a journal whole: who takes it slowly keeps nothing busy here.
func (h *Host) journal(ctx context.Context, class string) (text []byte, err error) {
	for e, err := range h.o.Store.Events(ctx, h.o.Study.ID, class) {
		if err != nil {
			return nil, err
		}
		line, err := study.Encode(e)
		if err != nil {
			return nil, err
		}
		if text = append(append(text, line...), '\n'); len(text) > maxJournal {
			return nil, refuse(http.StatusRequestEntityTooLarge, "the journal has more than %d bytes; litefront store export writes it", maxJournal)
		}
	}
	return text, nil
}

func (h *Host) serveHealth(w http.ResponseWriter, r *http.Request) {
	if err := h.o.Queue.Healthy(r.Context()); err != nil {
		http.Error(w, "the queue cannot be reached", http.StatusServiceUnavailable)
		return
	}
	header(w, "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

func header(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

func answer[M jobs.Message](w http.ResponseWriter, m M) {
	text, err := jobs.Encode(m)
	if err != nil {
		http.Error(w, jobs.Line(err.Error()), http.StatusInternalServerError)
		return
	}
	header(w, "application/json")
	w.Write(text)
}
