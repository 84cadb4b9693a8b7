package acceptance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"roomcast/test/harness"
)

// benchReport is what "roomcast bench live --json" prints.
type benchReport struct {
	Mode              string   `json:"mode"`
	Protocol          string   `json:"protocol"`
	DVRWindowSeconds  float64  `json:"dvr_window_seconds"`
	DVRWindowFull     bool     `json:"dvr_window_full"`
	DeliveredBytes    int64    `json:"delivered_bytes"`
	Requests          int64    `json:"requests"`
	Pictures          int      `json:"pictures"`
	Stalls            *int     `json:"stalls"`
	LatencyP50Ms      float64  `json:"latency_p50_ms"`
	LatencyP99Ms      float64  `json:"latency_p99_ms"`
	ServerCPUS        *float64 `json:"server_cpu_s"`
	ServerCPUSPerGB   *float64 `json:"server_cpu_s_per_gb"`
	ServerUsPlaylists *float64 `json:"server_cpu_us_per_playlist"`
	Bare              *struct {
		RatioGB       float64 `json:"ratio_per_gb"`
		RatioPlaylist float64 `json:"ratio_per_playlist"`
		Protocol      string  `json:"protocol"`
	} `json:"bare"`
}

// runBench loads a server for 3 s with two broadcasts of 0.6 Mb/s and six
// viewers, and looks at what is there whatever the mode.
func runBench(t *testing.T, s *harness.Server, mode string, args ...string) benchReport {
	t.Helper()
	cmd := s.Command(append([]string{
		"bench", "live", "--url", s.URL(""), "--mode", mode, "--viewers", "6", "--publishers", "2", "--duration", "3",
		"--bitrate", "600000", "--server-pid", strconv.Itoa(s.PID()), "--json",
	}, args...)...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, complaint.Bytes())
	}
	var got benchReport
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	// 6 viewers of 0.6 Mb/s for 3 s are 1.35 MB and 540 pictures; the machine may be slow.
	if got.Mode != mode || got.DeliveredBytes < 600_000 || got.Pictures < 200 || got.Stalls == nil || got.LatencyP50Ms <= 0 ||
		got.LatencyP99Ms < got.LatencyP50Ms || got.LatencyP50Ms > 20_000 {
		t.Errorf("%s", out.Bytes())
	}
	if got.ServerCPUS == nil || *got.ServerCPUS <= 0 || got.ServerCPUSPerGB == nil || *got.ServerCPUSPerGB <= 0 {
		t.Errorf("without the server's time: %s", out.Bytes())
	}
	var rooms struct {
		Items []any `json:"items"`
	}
	s.API().Want(t, http.MethodGet, "/api/v1/rooms", nil, http.StatusOK, &rooms)
	if len(rooms.Items) != 0 {
		t.Errorf("%d rooms are left behind", len(rooms.Items))
	}
	return got
}

// compared requires the bare handler beside the server, by the same protocol.
func compared(t *testing.T, got benchReport, protocol string) {
	t.Helper()
	if got.Requests < 20 || got.ServerUsPlaylists == nil || *got.ServerUsPlaylists <= 0 || got.Bare == nil || got.Bare.RatioGB <= 0 || got.Bare.RatioPlaylist <= 0 {
		t.Fatalf("without a comparison: %+v", got)
	}
	if got.Protocol != protocol || got.Bare.Protocol != protocol {
		t.Errorf("viewers came by %q, the comparison by %q; want %q", got.Protocol, got.Bare.Protocol, protocol)
	}
}

func TestBenchLiveLoadsARunningServer(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	for mode, protocol := range map[string]string{"hls": "HTTP/1.1", "rtsp": "RTSP over TCP", "rtmp": "RTMP"} {
		t.Run(mode, func(t *testing.T) {
			got := runBench(t, s, mode, "--dvr-window", "0", "--rounds", "0")
			if got.Protocol != protocol || got.DVRWindowFull || got.Bare != nil {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("llhls", func(t *testing.T) {
		compared(t, runBench(t, s, "llhls", "--dvr-window", "0", "--rounds", "1"), "HTTP/1.1")
	})
}

func TestBenchLiveMeasuresWithTheRewindWindowFullOverHTTP2(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{TLS: true})
	got := runBench(t, s, "llhls", "--dvr-window", "8", "--insecure", "--rounds", "1")
	compared(t, got, "HTTP/2.0, TLS 1.3")
	if got.DVRWindowSeconds != 8 || !got.DVRWindowFull {
		t.Errorf("the rewind window: %+v", got)
	}
}

func TestBenchLiveTakesNoStrangeCertificateUnasked(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{TLS: true})
	var complaint bytes.Buffer
	cmd := s.Command("bench", "live", "--url", s.URL(""), "--viewers", "1", "--duration", "1")
	cmd.Stderr = &complaint
	if err := cmd.Run(); err == nil || !strings.Contains(complaint.String(), "certificate") || !strings.Contains(complaint.String(), "--insecure") {
		t.Errorf("%v\n%s", err, complaint.Bytes())
	}
}
