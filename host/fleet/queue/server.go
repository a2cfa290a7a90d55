package queue

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// maxConnections bounds those to the embedded server, the host's own among them.
const maxConnections = 2048

// operator is an embedded server's, with the accounts that it knows.
type operator struct{ options *server.Options }

// newOperator makes the options of a server that listens nowhere and knows one account,
// beside the one that NATS demands for the server itself.
func newOperator(k keys) (o operator, err error) {
	key, err := nkeys.FromSeed([]byte(k.Operator))
	if err != nil {
		return o, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return o, err
	}
	resolver := &server.MemAccResolver{}
	account := func(seed, name string, limit func(*jwt.AccountClaims)) (string, error) {
		pair, err := nkeys.FromSeed([]byte(seed))
		if err != nil {
			return "", err
		}
		id, err := pair.PublicKey()
		if err != nil {
			return "", err
		}
		claims := jwt.NewAccountClaims(id)
		claims.Name = name
		limit(claims)
		token, err := claims.Encode(key)
		if err != nil {
			return "", err
		}
		return id, resolver.Store(id, token)
	}
	system, err := account(k.System, "system", func(*jwt.AccountClaims) {})
	if err != nil {
		return o, err
	}
	if _, err := account(k.Account, "litefront", func(c *jwt.AccountClaims) {
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: 4 * maxStore, Streams: 3, Consumer: maxConnections, MaxBytesRequired: true}
	}); err != nil {
		return o, err
	}
	claims := jwt.NewOperatorClaims(public)
	claims.Name = "litefront"
	claims.SystemAccount = system
	o.options = &server.Options{
		ServerName:       "litefront",
		DontListen:       true,
		NoSigs:           true,
		TrustedOperators: []*jwt.OperatorClaims{claims},
		SystemAccount:    system,
		AccountResolver:  resolver,
		JetStream:        true,
		// Everything is kept on the disk.
		JetStreamMaxMemory: 1 << 20,
		JetStreamMaxStore:  4 * maxStore,
		MaxConn:            maxConnections,
		MaxPayload:         1 << 20,
		MaxPending:         8 << 20,
		WriteDeadline:      10 * time.Second,
		PingInterval:       20 * time.Second,
		MaxPingsOut:        2,
	}
	return o, nil
}

type user struct {
	key    nkeys.KeyPair
	public string
}

func nkeysUser(seed string) (u user, err error) {
	if u.key, err = nkeys.FromSeed([]byte(seed)); err != nil {
		return u, err
	}
	u.public, err = u.key.PublicKey()
	return u, err
}

// logger has the server's log as part of the host's. What the server only notes would
// tell a host's owner nothing.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l logger) Warnf(format string, v ...any)   { l.log.Warn("nats: " + fmt.Sprintf(format, v...)) }
func (l logger) Errorf(format string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l logger) Fatalf(format string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l logger) Debugf(string, ...any)           {}
func (l logger) Tracef(string, ...any)           {}
