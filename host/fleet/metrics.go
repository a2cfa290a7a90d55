package fleet

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what a host counts for Prometheus.
type metrics struct {
	handler    http.Handler
	accepted   prometheus.Counter
	refused    prometheus.Counter
	duplicate  prometheus.Counter
	replicated prometheus.Counter
	dead       prometheus.Counter
	turnaround prometheus.Histogram
}

func newMetrics(h *Host) *metrics {
	registry := prometheus.NewRegistry()
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "litefront", Name: name, Help: help})
		registry.MustRegister(c)
		return c
	}
	m := &metrics{
		accepted:   counter("results_accepted_total", "Results that were told to a study."),
		refused:    counter("messages_refused_total", "Messages of devices that nobody could use."),
		duplicate:  counter("results_duplicate_total", "Results for trials that had ended."),
		replicated: counter("jobs_replicated_total", "Jobs that a further device was asked for."),
		dead:       counter("jobs_dead_total", "Jobs that were given up."),
		turnaround: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "litefront", Name: "job_turnaround_seconds",
			Help:    "From the asking for a candidate to the telling of its measurement.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2, 14),
		}),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}),
	}
	registry.MustRegister(m.turnaround, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &fleetCollector{h})
	return m
}

// fleetCollector counts devices and jobs as they are.
type fleetCollector struct{ host *Host }

var (
	devicesDesc = prometheus.NewDesc("litefront_devices", "Devices by class and state.", []string{"class", "state"}, nil)
	jobsDesc    = prometheus.NewDesc("litefront_jobs_outstanding", "Jobs in the queue or on a device.", []string{"class"}, nil)
)

func (c *fleetCollector) Describe(out chan<- *prometheus.Desc) { out <- devicesDesc; out <- jobsDesc }

func (c *fleetCollector) Collect(out chan<- prometheus.Metric) {
	f := c.host.Fleet()
	devices := map[[2]string]int{}
	for _, d := range f.Devices {
		state := d.State
		if state == "" {
			state = "enrolled"
		}
		devices[[2]string{d.Class, state}]++
	}
	for of, n := range devices {
		out <- prometheus.MustNewConstMetric(devicesDesc, prometheus.GaugeValue, float64(n), of[:]...)
	}
	for _, s := range f.Classes {
		out <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(s.Outstanding), s.Class)
	}
}
