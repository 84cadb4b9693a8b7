package api

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/web/request"
)

// Listeners are the ports of the doors for encoders that are open; zero is off.
type Listeners struct {
	RTMPPort  int
	RTMPSPort int
	RTSPPort  int
	SRTPort   int
	// WHIP is whether publishers come in by WebRTC.
	WHIP bool
}

// baseURL is what the URLs in one answer begin with: PUBLIC_URL, or the request's own scheme and host.
type baseURL struct {
	scheme, host string
	path         string // Without a slash at its end.
}

func (s *Service) base(info *request.Info) baseURL {
	if u := s.options.PublicURL; u != nil {
		return baseURL{scheme: u.Scheme, host: u.Host, path: strings.TrimSuffix(u.Path, "/")}
	}
	return baseURL{scheme: info.Scheme, host: info.Host}
}

func (b baseURL) at(scheme, path string) string {
	return (&url.URL{Scheme: scheme, Host: b.host, Path: b.path + path}).String()
}

// join is the door of a token.
func (b baseURL) join(token secret.Text) string { return b.at(b.scheme, "/join/"+token.Reveal()) }

// room is the door of a room by its id.
func (b baseURL) room(id string) string { return b.at(b.scheme, "/rooms/"+id) }

// signaling is the WebSocket.
func (b baseURL) signaling() string {
	if b.scheme == "https" {
		return b.at("wss", "/ws")
	}
	return b.at("ws", "/ws")
}

// playback is what stands under one ticket for a room's media.
func (b baseURL) playback(roomID string, ticket secret.Text, name string) string {
	return b.at(b.scheme, "/hls/"+roomID+"/"+ticket.Reveal()+"/"+name)
}

// whip is where a room's publishers come in by WebRTC.
func (b baseURL) whip(roomID string) string { return b.at(b.scheme, "/whip/"+roomID) }

// download is the file of a recording for one ticket.
func (b baseURL) download(roomID string, ticket secret.Text, name string) string {
	return b.at(b.scheme, "/recordings/"+roomID+"/"+ticket.Reveal()+"/"+name+".mp4")
}

// hostname is the host without its port, in brackets if it is an IPv6 address.
func (b baseURL) hostname() string {
	name := (&url.URL{Host: b.host}).Hostname()
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

// withPort gives host:port, without the port when it is the scheme's own.
func (b baseURL) withPort(port, own int) string {
	if port == own {
		return b.hostname()
	}
	return net.JoinHostPort(strings.Trim(b.hostname(), "[]"), strconv.Itoa(port))
}

// rtmpOwnPort is what encoders take when an rtmp:// URL names no port. For rtmps:// they differ, so it is always named.
const rtmpOwnPort = 1935

// rtmp is the RTMP server, over TLS if that is on; "" if neither is.
func (b baseURL) rtmp(on Listeners) string {
	switch {
	case on.RTMPSPort != 0:
		return "rtmps://" + b.withPort(on.RTMPSPort, 0)
	case on.RTMPPort != 0:
		return "rtmp://" + b.withPort(on.RTMPPort, rtmpOwnPort)
	}
	return ""
}

// ingestURLs are the publishing addresses of a room; nil for rooms that take no publisher.
func (s *Service) ingestURLs(view rooms.View, base baseURL) *IngestURLs {
	if !view.Type.Broadcasts() || view.StreamKey == nil {
		return nil
	}
	urls, on := &IngestURLs{}, s.options.Listeners()
	if server := base.rtmp(on); server != "" {
		urls.RTMP = &RTMPIngest{URL: server + "/live", StreamKey: view.StreamKey.Reveal()}
	}
	if on.RTSPPort != 0 {
		urls.RTSP = &RTSPIngest{URL: "rtsp://" + base.withPort(on.RTSPPort, 0) + "/live/" + view.StreamKey.Reveal()}
	}
	if on.SRTPort != 0 {
		urls.SRT = &SRTIngest{URL: srtURL(base, on.SRTPort, view.StreamKey, view.SRTPassphrase)}
	}
	if on.WHIP {
		urls.WHIP = &WHIPIngest{URL: base.whip(view.ID), Bearer: view.StreamKey.Reveal()}
	}
	return urls
}

// srtURL is a room's SRT address as ffmpeg, OBS and GStreamer take it. Its colon
// is not escaped: some of them take the streamid as it stands.
func srtURL(base baseURL, port int, key, passphrase *secret.Text) string {
	u := "srt://" + base.withPort(port, 0) + "?streamid=publish:" + url.QueryEscape(key.Reveal())
	if passphrase != nil {
		u += "&passphrase=" + url.QueryEscape(passphrase.Reveal())
	}
	return u
}
