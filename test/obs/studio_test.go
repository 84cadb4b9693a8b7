//go:build obs

package obs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"roomcast/test/harness"
)

// studio is how OBS is set up: simple output mode, as somebody does who has
// just installed it. keyint "" leaves the key frame interval to OBS, whose own
// choice is more than 8 s.
type studio struct {
	server, key string
	keyint      string
}

// start lets OBS stream until the test ends.
func (s studio) start(t *testing.T) *harness.Output {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, ".config", "obs-studio")
	clip := filepath.Join(home, "clip.mp4")
	run(t, "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", "10", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", clip)
	write(t, filepath.Join(config, "global.ini"), `[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
[Basic]
Profile=test
ProfileDir=test
SceneCollection=test
SceneCollectionFile=test
[BasicWindow]
SysTrayEnabled=false
WarnBeforeStartingStream=false
`)
	x264 := ""
	if s.keyint != "" {
		x264 = "UseAdvanced=true\nPreset=ultrafast\nx264Settings=keyint=" + s.keyint + "\n"
	}
	write(t, filepath.Join(config, "basic", "profiles", "test", "basic.ini"), "[General]\nName=test\n[Output]\nMode=Simple\nReconnect=true\nRetryDelay=2\n"+
		"[SimpleOutput]\nVBitrate=1500\nABitrate=128\nStreamEncoder=x264\n"+x264+
		"[Video]\nBaseCX=1280\nBaseCY=720\nOutputCX=1280\nOutputCY=720\nFPSType=0\nFPSCommon=30\n[Audio]\nSampleRate=48000\nChannelSetup=Stereo\n")
	writeJSON(t, filepath.Join(config, "basic", "profiles", "test", "service.json"), map[string]any{
		"type": "rtmp_custom", "settings": map[string]any{"server": s.server, "key": s.key, "use_auth": false, "bwtest": false},
	})
	writeJSON(t, filepath.Join(config, "basic", "scenes", "test.json"), map[string]any{
		"name": "test", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": []any{map[string]any{"name": "Scene"}},
		"sources": []any{
			map[string]any{
				"id": "ffmpeg_source", "versioned_id": "ffmpeg_source", "name": "clip", "enabled": true, "volume": 1.0, "mixers": 255,
				"settings": map[string]any{"is_local_file": true, "local_file": clip, "looping": true, "restart_on_activate": true},
			},
			map[string]any{"id": "scene", "versioned_id": "scene", "name": "Scene", "enabled": true, "settings": map[string]any{
				"id_counter": 1, "custom_size": false, "items": []any{map[string]any{
					"name": "clip", "id": 1, "visible": true, "align": 5,
					"pos": point(0, 0), "scale": point(1, 1), "bounds_type": 2, "bounds": point(1280, 720),
				}},
			}},
		},
	})
	runtime := filepath.Join(home, "run")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("xvfb-run", "-a", "-s", "-screen 0 1280x800x24 +extension GLX", "obs", "--startstreaming", "--profile", "test", "--collection", "test",
		"--minimize-to-tray", "--multi", "--disable-updater", "--disable-missing-files-check", "--verbose")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_RUNTIME_DIR="+runtime,
		"LIBGL_ALWAYS_SOFTWARE=1", "GALLIUM_DRIVER=llvmpipe", "QT_QPA_PLATFORM=xcb")
	out := &harness.Output{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start OBS: %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // xvfb-run, the display and OBS
		_ = cmd.Wait()                                      // killed
	})
	return out
}

func point(x, y float64) map[string]any { return map[string]any{"x": x, "y": y} }

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if b, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, b)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(b))
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := harness.RemoveBinary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func TestOBSBroadcasts(t *testing.T) {
	tests := []struct {
		name, keyint string
	}{
		{"with a key frame every 2 s", "60"},
		{"as it is installed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := harness.Start(t, harness.Options{})
			room := s.CreateRoom(t, "live", harness.Fields{})
			out := studio{server: room.IngestURLs["rtmp"].URL, key: *room.StreamKey, keyint: tt.keyint}.start(t)
			harness.Eventually(t, time.Minute, "OBS is on air", func() bool { return s.Stream(t, room.ID).State == "live" },
				func() any { return out.String() })
			viewer := s.Enter(t, room.ParticipantToken, "Vi")
			got := s.Pull(t, viewer, 5*time.Second)
			if got.Frames < 140 || got.Volume < -40 {
				t.Errorf("%d frames, %.1f dB\n%s", got.Frames, got.Volume, got.Log)
			}
			now := s.Stream(t, room.ID)
			if len(now.Tracks) != 2 || now.State != "live" {
				t.Errorf("%+v", now)
			}
		})
	}
}
