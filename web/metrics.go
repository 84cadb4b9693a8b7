package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Census counts what goes on now; it is taken at each scrape.
type Census struct {
	// ActiveRooms are those with a run on, by room_type.
	ActiveRooms map[string]int
	// Participants who hold a seat, by room_type.
	Participants map[string]int
	// Broadcasts by state, the waiting ones left out.
	Broadcasts map[string]int
}

// meter counts HTTP.
type meter struct {
	durations *prometheus.HistogramVec
	playlists prometheus.Observer // the durations of media playlists that were given
	objects   prometheus.Counter
	sent      prometheus.Counter
}

// newMeter registers the HTTP figures, the process's and Go's own, and the census.
func newMeter(registry *prometheus.Registry, census func(context.Context) Census) *meter {
	m := &meter{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "roomcast_http_request_duration_seconds", Help: "Duration of HTTP requests by route pattern and status class.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 15, 60},
		}, []string{"route", "status"}),
		objects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "roomcast_hls_objects_total", Help: "HLS segments, parts and init segments served.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "roomcast_hls_object_bytes_total", Help: "Bytes of HLS segments, parts and init segments served.",
		}),
	}
	m.playlists = m.durations.WithLabelValues(routePath(playlistPattern), "2xx")
	registry.MustRegister(m.durations, m.objects, m.sent,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if census != nil {
		registry.MustRegister(&censusCollector{census: census})
	}
	return m
}

func (m *meter) request(route string, status int, took time.Duration) {
	m.durations.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}

var (
	roomsDescription        = prometheus.NewDesc("roomcast_active_rooms", "Rooms with a run on by type.", []string{"room_type"}, nil)
	participantsDescription = prometheus.NewDesc("roomcast_participants", "Participants who hold a seat by room type.", []string{"room_type"}, nil)
	broadcastsDescription   = prometheus.NewDesc("roomcast_broadcasts", "Broadcasts by state.", []string{"state"}, nil)
)

// censusCollector turns a Census into gauges at each scrape.
type censusCollector struct {
	census func(context.Context) Census
}

// Describe implements prometheus.Collector.
func (c *censusCollector) Describe(out chan<- *prometheus.Desc) {
	out <- roomsDescription
	out <- participantsDescription
	out <- broadcastsDescription
}

// Collect implements prometheus.Collector.
func (c *censusCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), censusTimeout)
	defer cancel()
	census := c.census(ctx)
	for _, part := range []struct {
		description *prometheus.Desc
		counts      map[string]int
	}{{roomsDescription, census.ActiveRooms}, {participantsDescription, census.Participants}, {broadcastsDescription, census.Broadcasts}} {
		for label, n := range part.counts {
			out <- prometheus.MustNewConstMetric(part.description, prometheus.GaugeValue, float64(n), label)
		}
	}
}

// newMetricsHandler serves /metrics, and nothing else.
func newMetricsHandler(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	return mux
}
