package acceptance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"roomcast/test/harness"
)

func TestBenchLiveLoadsARunningServer(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	cmd := s.Command("bench", "live", "--url", s.URL(""), "--viewers", "6", "--publishers", "2", "--duration", "3s",
		"--bitrate", "600000", "--server-pid", strconv.Itoa(s.PID()), "--rounds", "1", "--json")
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, complaint.Bytes())
	}
	var got struct {
		DeliveredBytes int64    `json:"delivered_bytes"`
		Requests       int64    `json:"requests"`
		Pictures       int      `json:"pictures"`
		LatencyP50Ms   float64  `json:"latency_p50_ms"`
		ServerCPUS     *float64 `json:"server_cpu_s"`
		PerPlaylist    *float64 `json:"server_cpu_us_per_playlist"`
		Bare           *struct {
			RatioGB       float64 `json:"ratio_per_gb"`
			RatioPlaylist float64 `json:"ratio_per_playlist"`
		} `json:"bare"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	// 6 viewers of 0.6 Mb/s for 3 s are 1.35 MB and 540 pictures; the machine may be slow.
	if got.DeliveredBytes < 600_000 || got.Pictures < 200 || got.Requests < 20 || got.LatencyP50Ms <= 0 || got.LatencyP50Ms > 20_000 {
		t.Errorf("%s", out.Bytes())
	}
	if got.ServerCPUS == nil || *got.ServerCPUS <= 0 || got.PerPlaylist == nil || *got.PerPlaylist <= 0 || got.Bare == nil || got.Bare.RatioGB <= 0 || got.Bare.RatioPlaylist <= 0 {
		t.Errorf("without the server's time: %s", out.Bytes())
	}
	var rooms struct {
		Items []any `json:"items"`
	}
	s.API().Want(t, http.MethodGet, "/api/v1/rooms", nil, http.StatusOK, &rooms)
	if len(rooms.Items) != 0 {
		t.Errorf("%d rooms are left behind", len(rooms.Items))
	}
}
