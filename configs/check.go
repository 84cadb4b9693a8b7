package configs

import (
	"fmt"
	"net/netip"
	"strings"
)

// check finds the faults that lie between keys.
func (l *loader) check() {
	l.checkTLS()
	l.checkListeners()
	if l.config.DataDir == "" {
		l.between("data_dir", "is empty", "name the directory that everything is kept in, such as ./data")
	}
}

// between adds a fault of a key that is not about its own spelling.
func (l *loader) between(path, problem, want string) {
	l.faults = append(l.faults, Fault{Path: path, Source: l.sources[path], Problem: problem, Want: want})
}

func (l *loader) checkTLS() {
	t := l.config.TLS
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		l.between("tls.key_file", "is missing while tls.cert_file is set", "set both, or neither")
	case t.CertFile == "" && t.KeyFile != "":
		l.between("tls.cert_file", "is missing while tls.key_file is set", "set both, or neither")
	}
	if (t.CertFile != "" || t.KeyFile != "") && len(t.Domains) > 0 {
		l.between("tls.domains", "is set together with certificate files", "use tls.cert_file and tls.key_file, or tls.domains")
	}
	if len(t.Domains) == 0 {
		const problem, want = "is set without tls.domains", "set tls.domains, or remove it"
		if t.ACMEDirectory != "" {
			l.between("tls.acme_directory", problem, want)
		}
		if t.ACMECA != "" {
			l.between("tls.acme_ca", problem, want)
		}
	}
}

// listener is one socket that the configuration asks for.
type listener struct {
	path    string
	network string
	address Address
}

// listeners are the sockets that will be opened.
func (c *Config) listeners() []listener {
	all := []listener{
		{"http.address", "tcp", c.HTTP.Address},
		{"rtmp.address", "tcp", c.RTMP.Address},
		{"rtsp.address", "tcp", c.RTSP.Address},
		{"srt.address", "udp", c.SRT.Address},
		{"webrtc.address", "udp", c.WebRTC.Address},
		{"webrtc.address", "tcp", c.WebRTC.Address},
		{"metrics.address", "tcp", c.Metrics.Address},
	}
	if c.RTSP.Address.On() && c.RTSP.UDPAddress.On() {
		all = append(all, listener{"rtsp.udp_address", "udp", c.RTSP.UDPAddress}, listener{"rtsp.udp_address", "udp", c.RTSP.UDPAddress.next()})
	}
	if c.TLS.On() {
		all = append(all, listener{"rtmps.address", "tcp", c.RTMPS.Address})
	}
	if len(c.TLS.Domains) > 0 {
		all = append(all, listener{"tls.challenge_address", "tcp", c.TLS.ChallengeAddress})
	}
	var on []listener
	for _, s := range all {
		if s.address.On() {
			on = append(on, s)
		}
	}
	return on
}

func (l *loader) checkListeners() {
	on := l.config.listeners()
	if len(on) == 0 {
		l.between("http.address", "is off, and so is every other listener", "leave at least one on")
	}
	if port := l.config.RTSP.UDPAddress.Port(); port%2 != 0 {
		l.between("rtsp.udp_address", fmt.Sprintf("has the odd port %d", port), "give an even one; the next is taken too")
	}
	for i, a := range on {
		for _, b := range on[:i] {
			if a.network == b.network && a.path != b.path && clash(a.address, b.address) {
				l.between(a.path, fmt.Sprintf("takes %s port %d, as %s does", strings.ToUpper(a.network), a.address.Port(), b.path), "give each its own port, or turn one off")
			}
		}
	}
}

// clash reports whether two sockets of one network cannot both be opened.
func clash(a, b Address) bool {
	if a.Port() != b.Port() || a.Port() == 0 {
		return false
	}
	return everywhere(a) || everywhere(b) || loopback(a.Host()) == loopback(b.Host())
}

func everywhere(a Address) bool {
	ip, err := netip.ParseAddr(a.Host())
	return a.Host() == "" || (err == nil && ip.IsUnspecified())
}

// loopback makes localhost comparable with the address that it stands for.
func loopback(host string) string {
	if host == "localhost" {
		return "127.0.0.1"
	}
	return host
}
