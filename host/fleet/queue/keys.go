package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"litefront/host/wholefile"
	"litefront/kernels/jobs"
)

// credentialsDays is for how long a device's credentials are good; it renews them
// whenever it starts.
const credentialsDays = 30

// keysFile is what the keys of the embedded server are called in its folder.
const keysFile = "keys.json"

// keys are the seeds that the embedded server's accounts and users hang on. They are
// kept, so that devices get in again after a restart.
type keys struct {
	Operator string `json:"operator"`
	System   string `json:"system"`
	Account  string `json:"account"`
	Host     string `json:"host"`
}

// openKeys reads the keys in dir, or makes them if there are none.
func openKeys(dir string) (k keys, err error) {
	path := filepath.Join(dir, keysFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeKeys(path)
	case err != nil:
		return k, err
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return k, fmt.Errorf("keys %s: %w", path, err)
	}
	for prefix, seed := range map[nkeys.PrefixByte]string{nkeys.PrefixByteOperator: k.Operator, nkeys.PrefixByteAccount: k.Account, nkeys.PrefixByteUser: k.Host} {
		if got, _, err := nkeys.DecodeSeed([]byte(seed)); err != nil || got != prefix {
			return k, fmt.Errorf("keys %s: damaged; without the file new ones are made, and devices need new invitations", path)
		}
	}
	return k, nil
}

func makeKeys(path string) (k keys, err error) {
	for _, k := range []struct {
		seed *string
		kind nkeys.PrefixByte
	}{{&k.Operator, nkeys.PrefixByteOperator}, {&k.System, nkeys.PrefixByteAccount}, {&k.Account, nkeys.PrefixByteAccount}, {&k.Host, nkeys.PrefixByteUser}} {
		pair, err := nkeys.CreatePair(k.kind)
		if err != nil {
			return keys{}, err
		}
		seed, err := pair.Seed()
		if err != nil {
			return keys{}, err
		}
		*k.seed = string(seed)
	}
	err = wholefile.WriteSecret(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(k) })
	return k, err
}

// issuer signs credentials for an account.
type issuer struct {
	key     nkeys.KeyPair // of the account, or a signing key of it
	account string        // public key
}

func newIssuer(seed, account string) (issuer, error) {
	key, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return issuer{}, fmt.Errorf("account key: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return issuer{}, err
	}
	if !nkeys.IsValidPublicAccountKey(public) {
		return issuer{}, errors.New("account key: not the seed of an account")
	}
	if account == "" {
		account = public
	}
	return issuer{key: key, account: account}, nil
}

// sign makes credentials for a user's public key.
func (i issuer) sign(user, name string, limit func(*jwt.UserClaims)) (string, error) {
	if !nkeys.IsValidPublicUserKey(user) {
		return "", fmt.Errorf("key %.80q must be the public nkey of a user", user)
	}
	claims := jwt.NewUserClaims(user)
	claims.Name = name
	if public, err := i.key.PublicKey(); err == nil && public != i.account {
		claims.IssuerAccount = i.account
	}
	limit(claims)
	return claims.Encode(i.key)
}

// device limits credentials to what a device of a class may do: pull jobs, answer
// them, tell its state, and hear what is told to it.
func device(class, id string) func(*jwt.UserClaims) {
	return func(c *jwt.UserClaims) {
		var publish jwt.StringList
		for _, consumer := range []string{jobs.ClassConsumer(class), jobs.DeviceConsumer(id)} {
			publish.Add("$JS.API.CONSUMER.MSG.NEXT."+jobs.JobsStream+"."+consumer,
				"$JS.ACK."+jobs.JobsStream+"."+consumer+".>")
		}
		publish.Add(jobs.Results(class, id), jobs.States(class, id))
		c.Permissions.Pub.Allow = publish
		c.Permissions.Sub.Allow = jwt.StringList{jobs.Inbox(id) + ".>", jobs.Orders(id)}
		c.Limits.Payload = jobs.MaxMessage
		c.Limits.Subs = 16
		c.Expires = time.Now().AddDate(0, 0, credentialsDays).Unix()
	}
}
