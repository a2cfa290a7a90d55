package fleet

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"litefront/host/fleet/queue"
	"litefront/host/store"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
)

// expectLog waits for a line of the host's log that has all of some texts.
func expectLog(t *testing.T, r *running, texts ...string) {
	t.Helper()
	until(t, "log of "+strings.Join(texts, ", "), func() bool {
		for line := range strings.Lines(r.log.String()) {
			all := true
			for _, text := range texts {
				all = all && strings.Contains(line, text)
			}
			if all {
				return true
			}
		}
		return false
	})
}

func token(t *testing.T, r *running) string {
	t.Helper()
	i, err := r.Invite()
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(i.URL, "#join=")
	return token
}

// TestEnrol has devices come without a token, with one that was used, one that has
// expired, and with a hello that somebody else signed: none gets in.
func TestEnrol(t *testing.T) {
	r := startHost(t, t.TempDir(), testRequest(t, "5"), queue.Options{})
	used := token(t, r)
	first := newClient(t, "first", 1)
	if status, text := first.enrol(r.server.URL, used); status != http.StatusOK {
		t.Fatalf("with an invitation: %d %s", status, text)
	}
	expired := token(t, r)
	r.mu.Lock()
	for hash := range r.invitations {
		r.invitations[hash] = time.Now().Add(-time.Second)
	}
	r.mu.Unlock()
	for name, tt := range map[string]struct {
		token  string
		status int
		says   string
	}{
		"no token":  {"", http.StatusUnauthorized, "needs an invitation"},
		"used":      {used, http.StatusUnauthorized, "was used already, or has expired"},
		"expired":   {expired, http.StatusUnauthorized, "was used already, or has expired"},
		"made up":   {"AAAAAAAAAAAAAAAAAAAAAAAAAA", http.StatusUnauthorized, "was used already, or has expired"},
		"two lines": {"a\nb", http.StatusBadRequest, "must be one line"},
	} {
		s := newClient(t, name, 1)
		if status, text := s.enrol(r.server.URL, tt.token); status != tt.status || !strings.Contains(text, tt.says) {
			t.Errorf("%s: %d %s; want %d and %q", name, status, text, tt.status, tt.says)
		}
	}
	expectLog(t, r, "request refused", jobs.EnrolPath, "needs an invitation")

	// A device that is known needs no token, but its own key.
	if status, text := first.enrol(r.server.URL, ""); status != http.StatusOK {
		t.Errorf("again, without a token: %d %s", status, text)
	}
	for i := range maxOpened + 1 {
		first.hello.Label = fmt.Sprint("room-", i)
		if status, text := first.enrol(r.server.URL, ""); (status == http.StatusOK) != (i < maxOpened) {
			t.Errorf("of new class %d: %d %s", i+1, status, text)
		}
	}
	if status, text := first.enrol(r.server.URL, token(t, r)); status != http.StatusOK {
		t.Errorf("of a new class, with an invitation: %d %s", status, text)
	}
	thief := newClient(t, "thief", 1)
	thief.hello.Key = first.hello.Key
	if status, text := thief.enrol(r.server.URL, ""); status != http.StatusForbidden || !strings.Contains(text, "not signed by its key") {
		t.Errorf("under another's key: %d %s; want 403", status, text)
	}
	if n := len(r.Fleet().Devices); n != 1 {
		t.Errorf("%d devices; want the one that was let in", n)
	}

	// A host that is ending says so to who may come, and to others what it always says.
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	ending := httptest.NewServer(r.Handler(http.NotFoundHandler()))
	defer ending.Close()
	if status, text := first.enrol(ending.URL, ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "the host is ending") {
		t.Errorf("at a host that is ending: %d %s; want 503", status, text)
	}
	if status, _ := thief.enrol(ending.URL, ""); status != http.StatusForbidden {
		t.Errorf("under another's key, at a host that is ending: %d; want 403", status)
	}
}

// TestRequests has other sites and other machines ask, and paths that lead elsewhere:
// all are refused.
func TestRequests(t *testing.T) {
	r := startHost(t, t.TempDir(), testRequest(t, "5"), queue.Options{})
	s := newClient(t, "board", 1)
	s.join(r)
	ask := func(method, path string, header http.Header, body string) (int, string) {
		t.Helper()
		// Opaque: the path is sent as it is written.
		request, err := http.NewRequest(method, r.server.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = path
		if header != nil {
			request.Header = header
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	foreign := http.Header{"Origin": {"https://evil.example"}}
	for _, tt := range []struct {
		name, method, path string
		header             http.Header
		body               string
		status             int
		logged             string
	}{
		{"hello of another origin", "POST", jobs.EnrolPath, foreign, "{}", 403, "other origins"},
		{"hello that a site has a browser send", "POST", jobs.EnrolPath, http.Header{"Sec-Fetch-Site": {"cross-site"}}, "{}", 403, "other origins"},
		{"invitation for another origin", "POST", jobs.InvitePath, foreign, "", 403, "other origins"},
		{"no hello", "POST", jobs.EnrolPath, nil, "not JSON", 400, "not a message"},
		{"another version", "POST", jobs.EnrolPath, nil, `{"v":99}`, 400, "version 99"},
		{"unknown field", "POST", jobs.EnrolPath, nil, `{"v":1,"evil":1}`, 400, "unknown field"},
		{"a hello too long", "POST", jobs.EnrolPath, nil, strings.Repeat(" ", maxHello+1), 413, "at most"},
		{"journal of no class", "GET", jobs.JournalPath + "none", nil, "", 404, "no class"},
		{"journal by a path", "GET", jobs.JournalPath + "..%2f..%2fstore.db", nil, "", 404, "no class"},
		{"path up", "GET", "/fleet/journal/../../../etc/passwd", nil, "", 0, ""},
		{"enrol by GET", "GET", jobs.EnrolPath, nil, "", 0, ""},
	} {
		status, text := ask(tt.method, tt.path, tt.header, tt.body)
		if tt.status == 0 {
			if status < 300 {
				t.Errorf("%s: %d; want a refusal", tt.name, status)
			}
			continue
		}
		if status != tt.status {
			t.Errorf("%s: %d %s; want %d", tt.name, status, text, tt.status)
		}
		expectLog(t, r, "request refused", tt.logged)
	}
	// From this machine invitations are given.
	var i jobs.Invitation
	if status, text := ask("POST", jobs.InvitePath, nil, ""); status != 200 || json.Unmarshal([]byte(text), &i) != nil || !strings.Contains(i.URL, "#join=") {
		t.Errorf("invitation: %d %s", status, text)
	}
}

// TestHere says whose requests are this machine's own.
func TestHere(t *testing.T) {
	for _, tt := range []struct {
		remote, local string
		want          bool
	}{
		{"127.0.0.1:1", "127.0.0.1:80", true},
		{"[::1]:1", "[::1]:80", true},
		{"192.168.1.5:1", "192.168.1.5:80", true},
		{"192.168.1.6:1", "192.168.1.5:80", false},
		{"nonsense", "127.0.0.1:80", false},
	} {
		request, err := http.NewRequest("POST", "http://host", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.RemoteAddr = tt.remote
		request = request.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, address(tt.local)))
		if got := here(request); got != tt.want {
			t.Errorf("here(from %s to %s) = %v; want %v", tt.remote, tt.local, got, tt.want)
		}
	}
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// TestGate has WebSockets come from foreign origins, without credentials, with those of
// nobody, with somebody else's, and with what is no protocol: none is let in.
func TestGate(t *testing.T) {
	r := startHost(t, t.TempDir(), testRequest(t, "5"), queue.Options{})
	s := newClient(t, "board", 1)
	s.join(r)
	url := "ws" + strings.TrimPrefix(r.server.URL, "http") + jobs.QueuePath

	_, answer, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("foreign origin: %v; want 403", err)
	}
	expectLog(t, r, "gate: refused", "Origin")

	// say opens the gate, says something, and returns how the gate ends it.
	say := func(text string) error {
		ws, _, err := websocket.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		if _, info, err := ws.Read(ctx); err != nil || !strings.HasPrefix(string(info), "INFO {") {
			t.Fatalf("first is %.40q, %v; want INFO", info, err)
		}
		if err := ws.Write(ctx, websocket.MessageBinary, []byte(text)); err != nil {
			t.Fatal(err)
		}
		for {
			if _, _, err := ws.Read(ctx); err != nil {
				return err
			}
		}
	}
	stranger, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := stranger.PublicKey()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	forged := forge(t, account, public)
	mine := forge(t, account, s.hello.Key)
	for name, tt := range map[string]struct{ text, logged string }{
		"no protocol":        {"GET / HTTP/1.1\r\n\r\n", "not CONNECT"},
		"no credentials":     {"CONNECT {}\r\nPING\r\n", "no credentials"},
		"no JSON":            {"CONNECT [\r\n", "not followed by JSON"},
		"credentials broken": {`CONNECT {"jwt":"x.y.z"}` + "\r\n", "no credentials of a device"},
		"another host's":     {`CONNECT {"jwt":"` + forged + `"}` + "\r\n", "another host's"},
		"line too long":      {"CONNECT " + strings.Repeat("x", maxFirstLine), "no CONNECT"},
	} {
		if err := say(tt.text); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%s: %v; want a violation of the policy", name, err)
		}
		expectLog(t, r, "gate: refused", tt.logged)
	}
	if err := say(`CONNECT {"jwt":"` + mine + `","sig":"AAAA"}` + "\r\nPING\r\n"); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("credentials that somebody else signed: %v", err)
	}
	copied := newClient(t, "copy", 1)
	copied.welcome = s.welcome // its credentials, but not its key
	if err := copied.connect(r.server.URL); err == nil {
		copied.conn.Close()
		t.Error("another's credentials were let in without its key")
	}
}

const maxFirstLine = 40 << 10

// forge signs credentials by an account that is not the host's.
func forge(t *testing.T, account nkeys.KeyPair, user string) string {
	t.Helper()
	token, err := jwt.NewUserClaims(user).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestSubjects has a device try what it is not allowed: other devices' subjects, the
// management of the queue, what is told to others.
func TestSubjects(t *testing.T) {
	r := startHost(t, t.TempDir(), testRequest(t, "5"), queue.Options{})
	victim, s := newClient(t, "victim", 1), newClient(t, "board", 1)
	victim.join(r)
	refused := make(chan string, 10)
	s.join(r)
	s.conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err.Error() })
	class := s.welcome.Class
	for _, subject := range []string{
		jobs.Results(class, victim.welcome.Device),
		jobs.States(class, victim.welcome.Device),
		jobs.Results("other-class", s.welcome.Device),
		jobs.ClassJobs(class),
		jobs.DeviceJobs(class, victim.welcome.Device),
		jobs.Orders(victim.welcome.Device),
		"$JS.API.CONSUMER.MSG.NEXT." + jobs.JobsStream + "." + jobs.DeviceConsumer(victim.welcome.Device),
		"$JS.ACK." + jobs.JobsStream + "." + jobs.DeviceConsumer(victim.welcome.Device) + ".1.1.1.1.1",
		"$JS.API.STREAM.DELETE." + jobs.JobsStream,
		"$JS.API.STREAM.PURGE." + jobs.ResultsStream,
		"$JS.API.STREAM.MSG.GET." + jobs.ResultsStream,
		"$JS.API.CONSUMER.CREATE." + jobs.JobsStream,
		"$SYS.REQ.SERVER.PING",
	} {
		if err := s.conn.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, refused, "publish", subject)
	}
	for _, subject := range []string{">", "_INBOX.>", jobs.Inbox(victim.welcome.Device) + ".>", jobs.Orders(victim.welcome.Device), "lf.v1.results.>", "$SYS.>"} {
		if _, err := s.conn.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, refused, "subscription", subject)
	}
}

func expectRefusal(t *testing.T, refused <-chan string, what, subject string) {
	t.Helper()
	select {
	case text := <-refused:
		if !strings.Contains(strings.ToLower(text), "permissions violation") || !strings.Contains(strings.ToLower(text), what) {
			t.Errorf("%s: %s; want a violation of the permissions", subject, text)
		}
	case <-time.After(5 * time.Minute):
		t.Errorf("%s to %s was not refused", what, subject)
	}
}

// TestMessages has a device send what is malformed or too large: it is refused, logged,
// and quarantined, and the study goes on.
func TestMessages(t *testing.T) {
	r := startHost(t, t.TempDir(), testRequest(t, "6"), queue.Options{})
	good, bad := newClient(t, "good", 1), newClient(t, "bad", 1)
	good.join(r)
	bad.join(r)
	bad.quiet = true
	bad.conn.Publish(jobs.States(bad.welcome.Class, bad.welcome.Device), []byte("{"))
	expectLog(t, r, "state refused")
	bad.shout(t, r.server.URL, jobs.MaxMessage+1)
	expectLog(t, r, "payload")
	bad.sendText([]byte("\xff\xfe"))
	bad.sendText([]byte(`{"v":1,"job":"../../x"}`))
	expectLog(t, r, "result refused", bad.welcome.Device)
	expectLog(t, r, "device quarantined", bad.welcome.Device)
	if status, text := bad.enrol(r.server.URL, token(t, r)); status != http.StatusForbidden || !strings.Contains(text, "quarantined") {
		t.Errorf("enrolled again: %d %s; want 403", status, text)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { good.work(ctx); close(done) }()
	until(t, "end of the study", func() bool { return r.Fleet().Classes[0].Done == search.DoneBudget })
	stop()
	<-done
}

// shout speaks the protocol of the queue by itself, which its client would not: it sends
// a message of so many bytes, and waits for the server to end the connection.
func (s *client) shout(t *testing.T, server string, size int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server, "http")+jobs.QueuePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	_, text, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(text), "INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	signature, err := s.key.Sign([]byte(info.Nonce))
	if err != nil {
		t.Fatal(err)
	}
	connect, err := json.Marshal(map[string]any{"jwt": s.welcome.JWT, "sig": base64.RawURLEncoding.EncodeToString(signature), "protocol": 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{
		"CONNECT " + string(connect) + "\r\nPING\r\n",
		fmt.Sprintf("PUB %s %d\r\n%s\r\n", jobs.Results(s.welcome.Class, s.welcome.Device), size, strings.Repeat("x", size)),
	} {
		if err := ws.Write(ctx, websocket.MessageBinary, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	for err == nil {
		_, _, err = ws.Read(ctx)
	}
	if ctx.Err() != nil {
		t.Error("a message that is too large did not end the connection")
	}
}

// TestRevoke has the owner of a device take its credentials away while it is at work, and
// give them back.
func TestRevoke(t *testing.T) {
	r := startHost(t, t.TempDir(), testRequest(t, "5"), queue.Options{})
	s := newClient(t, "board", 1)
	s.join(r)
	orders, err := s.conn.SubscribeSync(jobs.Orders(s.welcome.Device))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.SetDeviceState(t.Context(), s.welcome.Device, store.Revoked, ""); err != nil {
		t.Fatal(err)
	}
	m, err := orders.NextMsg(5 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := jobs.Decode[jobs.Order](m.Data); err != nil || o.Do != jobs.Quit {
		t.Errorf("order %+v, %v; want to quit", o, err)
	}
	until(t, "end of the connection", s.conn.IsClosed)
	if status, text := s.enrol(r.server.URL, token(t, r)); status != http.StatusForbidden || !strings.Contains(text, "revoked") {
		t.Errorf("enrolled again: %d %s; want 403", status, text)
	}
	if err := r.store.SetDeviceState(t.Context(), s.welcome.Device, store.Active, ""); err != nil {
		t.Fatal(err)
	}
	if status, text := s.enrol(r.server.URL, ""); status != http.StatusOK {
		t.Errorf("admitted again: %d %s", status, text)
	}
	if err := s.connect(r.server.URL); err != nil {
		t.Error(err)
	}
}
