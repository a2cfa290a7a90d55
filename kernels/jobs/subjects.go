package jobs

// What a host and its devices call what they share. Classes and devices are names as
// [IsName] wants them, so that none can reach another's subject.

// Streams of JetStream.
const (
	JobsStream    = "LITEFRONT_JOBS"    // a work queue: a job is there until its device has answered
	ResultsStream = "LITEFRONT_RESULTS" // a work queue: a result is there until the journal has it
	DeadStream    = "LITEFRONT_DEAD"    // jobs that were handed out too often without an answer
)

// Paths of the host's server, which is that of the page.
const (
	EnrolPath   = "/fleet/enrol"    // POST: a Hello, signed; answers with a Welcome
	QueuePath   = "/fleet/nats"     // WebSocket: the queue, for enrolled devices
	StatePath   = "/fleet/state"    // GET: a Fleet
	InvitePath  = "/fleet/invite"   // POST, from this machine alone: an Invitation
	JournalPath = "/fleet/journal/" // GET, followed by a class: its journal, an Event a line
	MetricsPath = "/fleet/metrics"  // GET: for Prometheus
	HealthPath  = "/healthz"        // GET: 200 as long as the queue can be reached
)

// SignatureHeader is the header of a Hello's request that holds the signature of its
// body by the device's key, as base64 with padding.
const SignatureHeader = "Litefront-Signature"

// ClassJobs is where jobs are that any device of a class may take.
func ClassJobs(class string) string { return "lf.v1.jobs." + class + ".any" }

// DeviceJobs is where jobs are that one device is to do.
func DeviceJobs(class, device string) string { return "lf.v1.jobs." + class + ".device." + device }

// ClassConsumer is the durable pull consumer of ClassJobs.
func ClassConsumer(class string) string { return "class-" + class }

// DeviceConsumer is the durable pull consumer of DeviceJobs.
func DeviceConsumer(device string) string { return "device-" + device }

// Results is where a device publishes its Results, and waits for the stream's answer.
func Results(class, device string) string { return "lf.v1.results." + class + "." + device }

// States is where a device publishes its State.
func States(class, device string) string { return "lf.v1.states." + class + "." + device }

// Orders is where a device hears Orders.
func Orders(device string) string { return "lf.v1.orders." + device }

// Inbox begins the subjects on which a device gets answers.
func Inbox(device string) string { return "_INBOX." + device }

// Dead is where the jobs of a class end that nobody answered.
func Dead(class string) string { return "lf.v1.dead." + class }
