package fleet

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"litefront/host/fleet/queue"
	"litefront/kernels/jobs"
)

// The test's program is another one if the environment has one of these, with what that
// program is to do.
const (
	natsEnv   = "LITEFRONT_TEST_NATS_SERVER" // a nats-server: its configuration's path
	hostEnv   = "LITEFRONT_TEST_HOST"        // a hostProcess as JSON
	deviceEnv = "LITEFRONT_TEST_DEVICE"      // a deviceProcess as JSON
)

func TestMain(m *testing.M) {
	for name, run := range map[string]func(string) error{natsEnv: serveNATS, hostEnv: serveHost, deviceEnv: serveDevice} {
		if what := os.Getenv(name); what != "" {
			if err := run(what); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

func serveNATS(path string) error {
	o, err := server.ProcessConfigFile(path)
	if err != nil {
		return err
	}
	o.NoSigs = true
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	s.Shutdown()
	return nil
}

// cluster is three servers, each a process of its own.
type cluster struct {
	options queue.Options // for a host that uses it
	nodes   []*exec.Cmd
}

// startCluster starts three servers that know an operator, and two accounts of it.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	operator, operatorKey := pair(t, nkeys.CreateOperator)
	system, _ := pair(t, nkeys.CreateAccount)
	account, accountKey := pair(t, nkeys.CreateAccount)
	user, userKey := pair(t, nkeys.CreateUser)
	sign := func(claims interface {
		Encode(nkeys.KeyPair) (string, error)
	}, by nkeys.KeyPair) string {
		t.Helper()
		text, err := claims.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	oc := jwt.NewOperatorClaims(operator)
	oc.SystemAccount = system
	// Devices' credentials are signed by a key of the account's that is not the account's own.
	signer, signerKey := pair(t, nkeys.CreateAccount)
	ac := jwt.NewAccountClaims(account)
	ac.SigningKeys.Add(signer)
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	host := sign(jwt.NewUserClaims(user), accountKey)
	seed, _ := userKey.Seed()
	creds, err := jwt.FormatUserConfig(host, seed)
	if err != nil {
		t.Fatal(err)
	}
	signerSeed, _ := signerKey.Seed()
	write := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	accounts := fmt.Sprintf("%s: %s\n %s: %s\n", system, sign(jwt.NewAccountClaims(system), operatorKey), account, sign(ac, operatorKey))
	ports := freePorts(t, 6)
	var routes, urls []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+i]))
	}
	c := &cluster{options: queue.Options{
		URL: strings.Join(urls, ","), Credentials: write("host.creds", creds), AccountKey: write("account.nk", append(signerSeed, '\n')),
	}}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		config := fmt.Sprintf(`
server_name: node%d
listen: "127.0.0.1:%d"
operator: %s
system_account: %s
resolver: MEMORY
resolver_preload: {
 %s}
jetstream: {store_dir: %q}
cluster: {name: test, listen: "127.0.0.1:%d", routes: [%s]}
`, i, ports[i], sign(oc, operatorKey), system, accounts, filepath.Join(dir, fmt.Sprint("node", i)), ports[3+i], strings.Join(routes, ", "))
		node := exec.Command(self)
		node.Env = append(os.Environ(), natsEnv+"="+write(fmt.Sprintf("node%d.conf", i), []byte(config)))
		log := filepath.Join(dir, fmt.Sprintf("node%d.log", i))
		out, err := os.Create(log)
		if err != nil {
			t.Fatal(err)
		}
		node.Stderr = out
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, node)
		t.Cleanup(func() {
			node.Process.Kill()
			node.Wait()
			out.Close()
			if text, err := os.ReadFile(log); err == nil && t.Failed() {
				t.Logf("node %d ended its log with\n%s", i, text[max(0, len(text)-2000):])
			}
		})
	}
	until(t, "a leader of the cluster", func() bool {
		conn, err := nats.Connect(c.options.URL, nats.UserCredentials(c.options.Credentials), nats.Timeout(time.Second))
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := conn.JetStream(nats.MaxWait(time.Second))
		if err != nil {
			return false
		}
		_, err = js.AccountInfo()
		return err == nil
	})
	return c
}

func pair(t *testing.T, create func() (nkeys.KeyPair, error)) (string, nkeys.KeyPair) {
	t.Helper()
	key, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public, key
}

// freePorts finds ports that nobody listens on.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// leader is the node that leads the stream of jobs, which must be on all three.
func (c *cluster) leader(t *testing.T) int {
	t.Helper()
	conn, err := nats.Connect(c.options.URL, nats.UserCredentials(c.options.Credentials), nats.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	var info *nats.StreamInfo
	until(t, "a leader of the stream", func() bool {
		info, err = js.StreamInfo(jobs.JobsStream)
		return err == nil && (info.Cluster == nil || info.Cluster.Leader != "")
	})
	if info.Config.Replicas != 3 || info.Cluster == nil {
		t.Fatalf("the stream has %d replicas; want 3", info.Config.Replicas)
	}
	var node int
	if _, err := fmt.Sscanf(info.Cluster.Leader, "node%d", &node); err != nil {
		t.Fatalf("leader %q: %v", info.Cluster.Leader, err)
	}
	return node
}

// TestCluster is TestDisturbed by a cluster of three servers instead of the embedded
// one; the one that leads is killed in the middle, and the host is started anew.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	disturb(t, c.options, []disturbance{
		{15, func(string, func(func())) {
			leader := c.leader(t)
			c.nodes[leader].Process.Kill()
			c.nodes[leader].Wait()
		}},
		{60, func(_ string, restart func(func())) { restart(func() {}) }},
	})
}
