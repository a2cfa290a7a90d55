package queue

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/jwt/v2"

	"litefront/kernels/jobs"
)

const (
	// maxOpen bounds the connections through the gate, and maxOpenEach those of a
	// device: one, and another that replaces it before it was found dead.
	maxOpen     = 1024
	maxOpenEach = 2
	// maxFrame bounds a WebSocket message, in bytes: clients collect what they send.
	maxFrame = 2 << 20
	// maxFirst bounds the first line of either side, in bytes.
	maxFirst = 32 << 10
	// firstTime is how long a client may take to say who it is.
	firstTime = 10 * time.Second
)

// gate is a device's connection.
type gate struct{ end context.CancelFunc }

// Gate answers WebSockets, which carry the protocol of NATS, and passes them on to the
// queue. Only enrolled devices get in: allowed reports why one of a class does not. The
// server behind it checks that they are who they say. WebSockets of other origins are
// refused.
func (q *Queue) Gate(allowed func(id string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.mu.Lock()
		full := q.open >= maxOpen
		if !full {
			q.open++
		}
		q.mu.Unlock()
		if full {
			http.Error(w, "too many devices are connected", http.StatusServiceUnavailable)
			return
		}
		defer func() {
			q.mu.Lock()
			q.open--
			q.mu.Unlock()
		}()
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil { // which it has answered
			q.o.Log.Warn("gate: refused", "from", r.RemoteAddr, "error", jobs.Line(err.Error()))
			return
		}
		defer ws.CloseNow()
		ws.SetReadLimit(maxFrame)
		if err := q.pass(r.Context(), ws, allowed); err != nil {
			q.o.Log.Warn("gate: refused", "from", r.RemoteAddr, "error", jobs.Line(err.Error()))
			ws.Close(websocket.StatusPolicyViolation, clip(err.Error()))
		}
	})
}

// clip makes a text fit for the end of a WebSocket.
func clip(text string) string { return fmt.Sprintf("%.100s", jobs.Line(text)) }

// pass passes on what ws and the server say. An error says why the device is not let
// in.
func (q *Queue) pass(ctx context.Context, ws *websocket.Conn, allowed func(id string) error) (err error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	first, stop := context.WithTimeout(ctx, firstTime)
	defer stop()
	server, info, err := q.dial(first)
	if err != nil {
		return fmt.Errorf("the queue cannot be reached: %w", err)
	}
	defer server.Close()
	client := websocket.NetConn(ctx, ws, websocket.MessageBinary)
	defer func() {
		if err != nil { // as clients of NATS understand it
			io.WriteString(client, "-ERR 'Authorization Violation'\r\n")
		}
	}()
	deadline, _ := first.Deadline()
	client.SetDeadline(deadline)
	if _, err := client.Write(info); err != nil {
		return err
	}
	from := bufio.NewReaderSize(client, maxFirst)
	line, err := from.ReadSlice('\n')
	if err != nil {
		return errors.New("no CONNECT came")
	}
	id, err := who(line, q.issuer)
	if err != nil {
		return err
	}
	if err := allowed(id); err != nil {
		return err
	}
	client.SetDeadline(time.Time{})
	g := &gate{end}
	q.enter(id, g)
	defer q.leave(id, g)
	if _, err := server.Write(line); err != nil {
		return nil
	}
	var both sync.WaitGroup
	both.Go(func() { io.Copy(server, from); end(); server.Close() })
	both.Go(func() { io.Copy(client, server); end(); client.Close() })
	context.AfterFunc(ctx, func() { server.Close() })
	both.Wait()
	return nil
}

// who reads from the first line of a client by which key it is known.
func who(line []byte, by issuer) (id string, err error) {
	rest, ok := bytes.CutPrefix(line, []byte("CONNECT "))
	if !ok {
		return "", errors.New("the first line is not CONNECT")
	}
	var connect struct {
		JWT string `json:"jwt"`
	}
	if err := json.Unmarshal(rest, &connect); err != nil {
		return "", errors.New("CONNECT is not followed by JSON")
	}
	if connect.JWT == "" {
		return "", errors.New("no credentials")
	}
	claims, err := jwt.DecodeUserClaims(connect.JWT)
	if err != nil {
		return "", errors.New("no credentials of a device")
	}
	// The signature is the server's to check; this is so that others' names are not taken
	// in vain.
	if issuer := cmp.Or(claims.IssuerAccount, claims.Issuer); issuer != by.account {
		return "", errors.New("the credentials are another host's")
	}
	return jobs.DeviceID(claims.Subject), nil
}

// dial connects to the server and returns what it says first, as a device is to hear
// it: a server of a cluster names others, which no device is to reach, and demands TLS,
// which is between the two of us.
func (q *Queue) dial(ctx context.Context) (net.Conn, []byte, error) {
	var conn net.Conn
	var err error
	if q.embedded != nil {
		conn, err = q.embedded.InProcessConn()
	} else {
		conn, err = q.dialCluster(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	line, err := readLine(conn)
	var info map[string]any
	if err == nil {
		err = json.Unmarshal(bytes.TrimPrefix(line, []byte("INFO ")), &info)
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	if info["tls_required"] == true {
		secure := tls.Client(conn, &tls.Config{ServerName: hostname(q.conn.ConnectedUrl())})
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, nil, err
		}
		conn = secure
	}
	conn.SetDeadline(time.Time{})
	for _, name := range []string{"tls_required", "tls_available", "tls_verify", "connect_urls", "ws_connect_urls", "client_ip", "ip"} {
		delete(info, name)
	}
	text, err := json.Marshal(info)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, []byte("INFO " + string(text) + "\r\n"), nil
}

// dialCluster connects to the server of the cluster that the host is connected to.
func (q *Queue) dialCluster(ctx context.Context) (net.Conn, error) {
	u, err := url.Parse(q.conn.ConnectedUrl())
	if err != nil || u.Host == "" {
		return nil, errors.New("no server of the cluster is connected")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
}

func hostname(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// readLine reads byte by byte, so that what follows stays where it is.
func readLine(r io.Reader) (line []byte, err error) {
	var b [1]byte
	for len(line) < maxFirst {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, err
		}
		line = append(line, b[0])
		if b[0] == '\n' {
			if !strings.HasPrefix(string(line), "INFO ") {
				return nil, errors.New("no server of NATS")
			}
			return line, nil
		}
	}
	return nil, errors.New("no line")
}

// enter lets a device in, and ends its oldest connection if it has too many: it may not
// have been found dead yet.
func (q *Queue) enter(id string, g *gate) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if open := q.gates[id]; len(open) >= maxOpenEach {
		open[0].end()
		q.gates[id] = open[1:]
	}
	q.gates[id] = append(q.gates[id], g)
}

func (q *Queue) leave(id string, g *gate) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gates[id] = slices.DeleteFunc(q.gates[id], func(other *gate) bool { return other == g })
	if len(q.gates[id]) == 0 {
		delete(q.gates, id)
	}
}

// Disconnect ends the connections of a device.
func (q *Queue) Disconnect(id string) { q.disconnect(func(other string) bool { return other == id }) }

func (q *Queue) disconnect(which func(id string) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, gates := range q.gates {
		if which(id) {
			for _, g := range gates {
				g.end()
			}
		}
	}
}
