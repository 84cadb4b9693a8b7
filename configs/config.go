package configs

import (
	"net"
	"net/netip"
	"strconv"

	"roomcast/secret"
)

// Off is the address that turns a listener off.
const Off = "off"

// Auto is an address that follows from other settings.
const Auto = "auto"

// Config is everything an operator can set. Each field with a key tag is one
// key, or a section of keys; a key's path joins the tags with dots.
type Config struct {
	PublicURL      string         `key:"public_url" kind:"url" doc:"Base URL in every URL handed out, such as https://rooms.example.com; unset: the Host of each request, for its answer only."`
	DataDir        string         `key:"data_dir" kind:"path" doc:"Directory for everything that is kept: database, certificates, media. Made at the first start."`
	AdminKey       secret.Text    `key:"admin_key" doc:"API key of the administrator, better 16 characters or more; replaces the one that the first start makes."`
	FFmpeg         string         `key:"ffmpeg" kind:"path" doc:"The ffmpeg program that transcodes; a bare name is looked for in PATH. Without it everything is passed through as it comes."`
	TrustedProxies []netip.Prefix `key:"trusted_proxies" doc:"Networks (CIDR) of reverse proxies whose X-Forwarded-* headers are believed."`

	HTTP     HTTP     `key:"http"`
	RTMP     RTMP     `key:"rtmp"`
	RTMPS    RTMPS    `key:"rtmps"`
	RTSP     RTSP     `key:"rtsp"`
	SRT      SRT      `key:"srt"`
	WebRTC   WebRTC   `key:"webrtc"`
	Metrics  Metrics  `key:"metrics"`
	TLS      TLS      `key:"tls"`
	Outbound Outbound `key:"outbound"`
	Limits   Limits   `key:"limits"`
	Log      Log      `key:"log"`
}

// HTTP is the listener of API, pages, WebSocket, HLS, WHIP and WHEP.
type HTTP struct {
	Address Address `key:"address" doc:"TCP address of API, pages, WebSocket and HLS; auto is :8080, or :443 with tls.domains."`
}

// RTMP is the listener of RTMP publishers.
type RTMP struct {
	Address Address `key:"address" doc:"TCP address for RTMP publishers."`
}

// RTMPS is the listener of RTMP publishers over TLS.
type RTMPS struct {
	Address Address `key:"address" doc:"TCP address for RTMP publishers over TLS; used when TLS is on."`
}

// RTSP is the listener of RTSP publishers and players.
type RTSP struct {
	Address    Address `key:"address" doc:"TCP address for RTSP."`
	UDPAddress Address `key:"udp_address" doc:"UDP address for the media of RTSP, an even port: RTP on it, RTCP on the next; auto is the pair after rtsp.address; off leaves media over TCP."`
}

// SRT is the listener of SRT publishers and players.
type SRT struct {
	Address Address `key:"address" doc:"UDP address for SRT."`
}

// WebRTC is where the media of meetings, WHIP and WHEP goes.
type WebRTC struct {
	Address   Address      `key:"address" doc:"Address for WebRTC media, UDP and TCP on the same number."`
	PublicIPs []netip.Addr `key:"public_ips" doc:"IP addresses that browsers reach this machine by, when they differ from its own (NAT)."`
}

// Metrics is the listener of the Prometheus metrics.
type Metrics struct {
	Address Address `key:"address" doc:"TCP address of /metrics; keep it off public networks."`
}

// TLS says where certificates come from: two files, or ACME for some domains.
type TLS struct {
	CertFile         string   `key:"cert_file" kind:"path" doc:"PEM file of the certificate chain; read again when it changes."`
	KeyFile          string   `key:"key_file" kind:"path" doc:"PEM file of the certificate's private key."`
	Domains          []string `key:"domains" doc:"Domain names to get certificates for by ACME."`
	ACMEDirectory    string   `key:"acme_directory" kind:"url" doc:"Directory URL of the ACME server; unset: Let's Encrypt."`
	ACMECA           string   `key:"acme_ca" kind:"path" doc:"PEM file of the authorities that the ACME server's own certificate is checked against; unset: the system's."`
	ChallengeAddress Address  `key:"challenge_address" doc:"TCP address that answers HTTP challenges and redirects to HTTPS, with tls.domains."`
}

// On reports whether listeners speak TLS.
func (t TLS) On() bool { return t.CertFile != "" || len(t.Domains) > 0 }

// Outbound bounds the connections that the server itself opens.
type Outbound struct {
	AllowPrivate bool `key:"allow_private" doc:"Let destinations, pulls, fetches and webhooks reach loopback and private addresses."`
}

// Limits are the server's own limits on each room, nil for none. The smallest
// of room, subscription and server holds.
type Limits struct {
	MaxParticipants    *int64 `key:"max_participants" doc:"Participants in one room at once, viewers included."`
	MaxPublishers      *int64 `key:"max_publishers" doc:"Participants of one room who send media at once."`
	MaxDurationSeconds *int64 `key:"max_duration_seconds" doc:"Seconds that one run of a room may last."`
	MaxStorageBytes    *int64 `key:"max_storage_bytes" doc:"Bytes that one room's recordings and videos may take."`
	MaxBitrateBps      *int64 `key:"max_bitrate_bps" doc:"Bits per second of one published stream."`
	MaxHeight          *int64 `key:"max_height" doc:"Lines of picture of one published stream."`
	MaxDestinations    *int64 `key:"max_destinations" doc:"Destinations of one room."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `key:"level" kind:"debug|info|warn|error" doc:"Least severe level to log: debug, info, warn or error."`
	Format string `key:"format" kind:"text|json" doc:"One line per entry, as text or json."`
}

// Default is the configuration of a start without file, environment and flags.
func Default() Config {
	c := defaults()
	c.resolve()
	return c
}

// defaults has some addresses still as Auto.
func defaults() Config {
	return Config{
		DataDir:  "./data",
		FFmpeg:   "ffmpeg",
		HTTP:     HTTP{Address: Auto},
		RTMP:     RTMP{Address: ":1935"},
		RTMPS:    RTMPS{Address: ":1936"},
		RTSP:     RTSP{Address: ":8554", UDPAddress: Auto},
		SRT:      SRT{Address: ":8890"},
		WebRTC:   WebRTC{Address: ":8190"},
		Metrics:  Metrics{Address: "127.0.0.1:9190"},
		TLS:      TLS{ChallengeAddress: ":80"},
		Log:      Log{Level: "info", Format: "text"},
		Outbound: Outbound{AllowPrivate: false},
	}
}

// resolve settles what depends on other keys.
func (c *Config) resolve() {
	if c.HTTP.Address == Auto {
		c.HTTP.Address = ":8080"
		if len(c.TLS.Domains) > 0 {
			c.HTTP.Address = ":443"
		}
	}
	if c.RTSP.UDPAddress == Auto {
		c.RTSP.UDPAddress = c.RTSP.mediaAddress()
	}
}

// mediaAddress is the first pair of ports, the lower one even, after that of
// RTSP itself.
func (r RTSP) mediaAddress() Address {
	if !r.Address.On() {
		return Off
	}
	port := r.Address.Port()
	if port > 0 {
		port += 1 + (port+1)%2
	}
	if port >= 1<<16 {
		return Off
	}
	return Address(net.JoinHostPort(r.Address.Host(), strconv.Itoa(port)))
}

// next is the address with the port after it.
func (a Address) next() Address {
	if a.Port() == 0 {
		return a
	}
	return Address(net.JoinHostPort(a.Host(), strconv.Itoa(a.Port()+1)))
}

// Address is where a listener listens: host:port, :port for every interface,
// or Off. Port 0 takes any free port.
type Address string

// On reports whether the listener is to be started.
func (a Address) On() bool { return a != Off }

// String gives the address as net.Listen takes it.
func (a Address) String() string { return string(a) }

// Host is the part before the port: empty, an IP address or localhost.
func (a Address) Host() string {
	host, _, _ := net.SplitHostPort(string(a))
	return host
}

// Port is the number after the colon, 0 when the listener is off.
func (a Address) Port() int {
	_, port, _ := net.SplitHostPort(string(a))
	n, _ := strconv.Atoi(port)
	return n
}
