package rooms

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Features are a room's features with defaults applied and what the server
// cannot do yet switched off. Fields that the room's type does not have are at
// their off values and absent from JSON.
type Features struct {
	Type Type `json:"-"`

	Chat         bool     `json:"chat"`
	Public       bool     `json:"public"`
	EmbedOrigins []string `json:"embed_origins"`

	WaitingRoom        bool   `json:"waiting_room"`
	Recording          bool   `json:"recording"`
	MuteOnJoin         bool   `json:"mute_on_join"`
	ParticipantsAudio  bool   `json:"participants_audio"`
	ParticipantsVideo  bool   `json:"participants_video"`
	ParticipantsScreen bool   `json:"participants_screen"`
	ParticipantsChat   bool   `json:"participants_chat"`
	VideoCodec         string `json:"video_codec"`
	E2EE               bool   `json:"e2ee"`

	PreviewBeforeLive      bool    `json:"preview_before_live"`
	ReconnectWindowSeconds int     `json:"reconnect_window_seconds"`
	OfflineImage           *string `json:"offline_image"`

	LowLatency       bool      `json:"low_latency"`
	WebRTCPlayback   bool      `json:"webrtc_playback"`
	DVRWindowSeconds int       `json:"dvr_window_seconds"`
	Transcode        Transcode `json:"transcode"`
	SlowModeSeconds  int       `json:"slow_mode_seconds"`

	Download bool `json:"download"`
}

// Transcode is the choice of renditions: a mode, or exact heights.
type Transcode struct {
	Mode    string // off or auto; "" when Heights are given
	Heights []int  // in pixels
}

// MarshalJSON implements json.Marshaler: "off", "auto", or a list of heights.
func (t Transcode) MarshalJSON() ([]byte, error) {
	if len(t.Heights) > 0 {
		return json.Marshal(t.Heights)
	}
	return json.Marshal(t.Mode)
}

// Map returns the features that the room's type has, by their API names.
func (f Features) Map() map[string]any {
	out := make(map[string]any, len(featureTable))
	for _, def := range featureTable {
		if def.has(f.Type) {
			out[def.name] = def.get(&f)
		}
	}
	return out
}

// MarshalJSON implements json.Marshaler: only what the room's type has.
func (f Features) MarshalJSON() ([]byte, error) { return json.Marshal(f.Map()) }

// feature is one row of docs/api.md's table of features.
type feature struct {
	name  string
	types []Type // nil: all
	// ready says that the server does what the feature promises. A feature
	// that is not ready is accepted and kept, and resolved to its off value.
	ready    bool
	standard any // the default, as parse returns it
	off      any
	parse    func(any) (any, error)
	get      func(*Features) any
	set      func(*Features, any)
}

func (d *feature) has(t Type) bool { return d.types == nil || slices.Contains(d.types, t) }

var (
	meetOnly   = []Type{Meet}
	broadcasts = []Type{Live, Simulcast}
	liveOnly   = []Type{Live}
	videoOnly  = []Type{Video}
)

// featureTable holds every feature; a type that shares a name with another
// default has its own row.
var featureTable = []feature{
	flag("chat", nil, true, true, func(f *Features) *bool { return &f.Chat }),
	flag("public", nil, true, false, func(f *Features) *bool { return &f.Public }),
	{
		name: "embed_origins", ready: true, standard: []string{}, off: []string{}, parse: parseOrigins,
		get: func(f *Features) any { return f.EmbedOrigins },
		set: func(f *Features, v any) { f.EmbedOrigins = v.([]string) },
	},

	flag("waiting_room", meetOnly, false, false, func(f *Features) *bool { return &f.WaitingRoom }),
	flag("recording", meetOnly, false, false, func(f *Features) *bool { return &f.Recording }),
	flag("mute_on_join", meetOnly, true, false, func(f *Features) *bool { return &f.MuteOnJoin }),
	flag("participants_audio", meetOnly, true, true, func(f *Features) *bool { return &f.ParticipantsAudio }),
	flag("participants_video", meetOnly, true, true, func(f *Features) *bool { return &f.ParticipantsVideo }),
	flag("participants_screen", meetOnly, true, true, func(f *Features) *bool { return &f.ParticipantsScreen }),
	flag("participants_chat", meetOnly, true, true, func(f *Features) *bool { return &f.ParticipantsChat }),
	{
		name: "video_codec", types: meetOnly, standard: "vp8", off: "vp8", parse: parseOneOf("vp8", "h264", "vp9", "av1"),
		get: func(f *Features) any { return f.VideoCodec },
		set: func(f *Features, v any) { f.VideoCodec = v.(string) },
	},
	flag("e2ee", meetOnly, false, false, func(f *Features) *bool { return &f.E2EE }),

	flag("recording", broadcasts, true, false, func(f *Features) *bool { return &f.Recording }),
	flag("preview_before_live", broadcasts, true, false, func(f *Features) *bool { return &f.PreviewBeforeLive }),
	number("reconnect_window_seconds", broadcasts, true, 60, 600, func(f *Features) *int { return &f.ReconnectWindowSeconds }),
	{
		name: "offline_image", types: broadcasts, ready: true, parse: parseOfflineImage,
		get: func(f *Features) any { return f.OfflineImage },
		set: func(f *Features, v any) {
			if s, ok := v.(string); ok {
				f.OfflineImage = &s
			}
		},
	},
	flag("low_latency", liveOnly, true, true, func(f *Features) *bool { return &f.LowLatency }),
	flag("webrtc_playback", liveOnly, false, true, func(f *Features) *bool { return &f.WebRTCPlayback }),
	number("dvr_window_seconds", liveOnly, true, 7200, 43200, func(f *Features) *int { return &f.DVRWindowSeconds }),
	transcode(liveOnly, true, Transcode{Mode: "off"}),
	number("slow_mode_seconds", liveOnly, true, 0, 3600, func(f *Features) *int { return &f.SlowModeSeconds }),

	flag("download", videoOnly, false, false, func(f *Features) *bool { return &f.Download }),
	transcode(videoOnly, false, Transcode{Mode: "auto"}),
}

func flag(name string, types []Type, ready, standard bool, at func(*Features) *bool) feature {
	return feature{
		name: name, types: types, ready: ready, standard: standard, off: false,
		parse: func(v any) (any, error) {
			if b, ok := v.(bool); ok {
				return b, nil
			}
			return nil, fmt.Errorf("must be true or false")
		},
		get: func(f *Features) any { return *at(f) },
		set: func(f *Features, v any) { *at(f) = v.(bool) },
	}
}

func number(name string, types []Type, ready bool, standard, largest int, at func(*Features) *int) feature {
	return feature{
		name: name, types: types, ready: ready, standard: standard, off: 0,
		parse: func(v any) (any, error) {
			n, err := wholeNumber(v)
			if err != nil || n < 0 || n > int64(largest) {
				return nil, fmt.Errorf("must be a whole number from 0 to %d", largest)
			}
			return int(n), nil
		},
		get: func(f *Features) any { return *at(f) },
		set: func(f *Features, v any) { *at(f) = v.(int) },
	}
}

func transcode(types []Type, ready bool, standard Transcode) feature {
	return feature{
		name: "transcode", types: types, ready: ready, standard: standard, off: Transcode{Mode: "off"}, parse: parseTranscode,
		get: func(f *Features) any { return f.Transcode },
		set: func(f *Features, v any) { f.Transcode = v.(Transcode) },
	}
}

func parseOneOf(choices ...string) func(any) (any, error) {
	return func(v any) (any, error) {
		if s, ok := v.(string); ok && slices.Contains(choices, s) {
			return s, nil
		}
		return nil, fmt.Errorf("must be one of %s", strings.Join(choices, ", "))
	}
}

func parseOfflineImage(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if s, ok := v.(string); ok && s != "" && len(s) <= 2048 {
		return s, nil
	}
	return nil, fmt.Errorf("must be null or a text of 1-2048 bytes")
}

const maxTranscodeHeights = 8

func parseTranscode(v any) (any, error) {
	fault := fmt.Errorf("must be off, auto, or a list of 1-%d different heights from 144 to 4320", maxTranscodeHeights)
	if s, ok := v.(string); ok && (s == "off" || s == "auto") {
		return Transcode{Mode: s}, nil
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > maxTranscodeHeights {
		return nil, fault
	}
	var t Transcode
	for _, item := range list {
		n, err := wholeNumber(item)
		if err != nil || n < 144 || n > 4320 || slices.Contains(t.Heights, int(n)) {
			return nil, fault
		}
		t.Heights = append(t.Heights, int(n))
	}
	return t, nil
}

const maxEmbedOrigins = 20

func parseOrigins(v any) (any, error) {
	list, ok := v.([]any)
	if !ok || len(list) > maxEmbedOrigins {
		return nil, fmt.Errorf("must be a list of at most %d origins", maxEmbedOrigins)
	}
	origins := make([]string, 0, len(list))
	for _, item := range list {
		s, ok := item.(string)
		if !ok || !isOrigin(s) {
			return nil, fmt.Errorf("each must be exactly scheme://host[:port], in lower case, http or https")
		}
		origins = append(origins, s)
	}
	return origins, nil
}

// isOrigin is strict because origins are written into a header: nothing but
// scheme, host and port can be in one.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || s != u.Scheme+"://"+u.Host {
		return false
	}
	host := strings.Trim(u.Hostname(), "[]")
	if host == "" || len(host) > 253 || strings.HasSuffix(u.Host, ":") {
		return false
	}
	for _, c := range host {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != ':' {
			return false
		}
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		return err == nil && n >= 1 && n <= 65535
	}
	return true
}

// findFeature returns the row of a feature that rooms of type t have.
func findFeature(t Type, name string) *feature {
	for i := range featureTable {
		if featureTable[i].name == name && featureTable[i].has(t) {
			return &featureTable[i]
		}
	}
	return nil
}

// resolveFeatures applies defaults and switches off what is not ready. Stored
// values that no longer parse count as unset: a newer server may be stricter.
func resolveFeatures(t Type, set map[string]any) Features {
	f := Features{
		Type: t, EmbedOrigins: []string{}, VideoCodec: "vp8", Transcode: Transcode{Mode: "off"},
	}
	for i := range featureTable {
		def := &featureTable[i]
		if !def.has(t) {
			continue
		}
		value := def.standard
		if raw, ok := set[def.name]; ok {
			if v, err := def.parse(raw); err == nil {
				value = v
			}
		}
		if !def.ready {
			value = def.off
		}
		def.set(&f, value)
	}
	return f
}
