package configs

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"roomcast/secret"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

// comparing lets cmp look into the types of other packages.
var comparing = cmp.Options{
	cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
	cmp.Comparer(func(a, b secret.Text) bool { return a.Reveal() == b.Reveal() }),
}

func write(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roomcast.yaml")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheExampleLoadsToExactlyTheDefaults(t *testing.T) {
	got, err := Load(Sources{File: write(t, Example)})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Default(), got, comparing); d != "" {
		t.Error(d)
	}
}

func TestTheExampleShowsEveryKeyWithItsDefault(t *testing.T) {
	var document map[string]any
	if err := yaml.Unmarshal([]byte(Example), &document); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := defaults().Print(&printed); err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := yaml.Unmarshal([]byte(printed.String()), &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, document); d != "" {
		t.Error(d)
	}
}

func TestEveryKeyHasAPathADocAndItsOwnNames(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Keys() {
		if k.Path == "" || strings.HasSuffix(k.Path, ".") || k.Doc == "" {
			t.Errorf("%+v lacks a path or a doc", k)
		}
		if k.Secret != (k.Flag == "") {
			t.Errorf("%s: a secret has no flag and everything else has one, got %q", k.Path, k.Flag)
		}
		for _, name := range []string{k.Env, "--" + k.Flag} {
			if seen[name] && name != "--" {
				t.Errorf("%s is the name of two keys", name)
			}
			seen[name] = true
		}
	}
}

func TestTheVariablesOfThePublicContractExist(t *testing.T) {
	names := map[string]bool{}
	for _, k := range Keys() {
		names[k.Env] = true
	}
	for _, name := range []string{
		"HTTP_ADDRESS", "RTMP_ADDRESS", "RTMPS_ADDRESS", "RTSP_ADDRESS", "SRT_ADDRESS", "WEBRTC_ADDRESS",
		"WEBRTC_PUBLIC_IPS", "METRICS_ADDRESS", "PUBLIC_URL", "DATA_DIR", "ADMIN_KEY", "TRUSTED_PROXIES",
		"TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_DOMAINS", "TLS_ACME_DIRECTORY", "TLS_ACME_CA", "OUTBOUND_ALLOW_PRIVATE",
	} {
		if !names["ROOMCAST_"+name] {
			t.Errorf("ROOMCAST_%s is not read", name)
		}
	}
}

func TestLaterSourcesGoOverEarlierOnes(t *testing.T) {
	got, err := Load(Sources{
		File: write(t, `
public_url: https://File.example.com/
trusted_proxies: ["10.1.2.3/8"]
http: {address: ":1"}
rtmp: {address: ":2"}
rtsp: {address: off}
limits: {max_participants: 50, max_height: null}
outbound: {allow_private: true}
log:
`),
		Env: []string{
			"ROOMCAST_RTMP_ADDRESS=127.0.0.1:3", "ROOMCAST_SRT_ADDRESS=[::1]:4", "ROOMCAST_LOG_FORMAT=",
			"ROOMCAST_ADMIN_KEY=0123456789abcdef", "ROOMCAST_WEBRTC_PUBLIC_IPS=192.0.2.1, 2001:db8::1", "PATH=/bin",
			"ROOMCAST_SERVICE_HOST=10.0.0.1", "ROOMCAST_SERVICE_PORT_HTTP=8080", "ROOMCAST_PORT=tcp://10.0.0.1:8080", "ROOMCAST_PORT_8080_TCP_ADDR=10.0.0.1",
		},
		Flags: map[string]string{"srt-address": ":5", "outbound-allow-private": "false", "data-dir": "/srv"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.PublicURL = "https://file.example.com"
	want.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	want.HTTP.Address, want.RTMP.Address, want.SRT.Address = ":1", "127.0.0.1:3", ":5"
	want.RTSP = RTSP{Address: Off, UDPAddress: Off}
	want.Limits.MaxParticipants = new(int64)
	*want.Limits.MaxParticipants = 50
	want.AdminKey = secret.New("0123456789abcdef")
	want.WebRTC.PublicIPs = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	want.DataDir = "/srv"
	if d := cmp.Diff(want, got, comparing); d != "" {
		t.Error(d)
	}
}

func TestHTTPDefaultsTo443WithDomains(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		want Address
	}{
		"no TLS":                   {nil, ":8080"},
		"certificate files":        {[]string{"ROOMCAST_TLS_CERT_FILE=c", "ROOMCAST_TLS_KEY_FILE=k"}, ":8080"},
		"domains":                  {[]string{"ROOMCAST_TLS_DOMAINS=a.example.com"}, ":443"},
		"domains and an address":   {[]string{"ROOMCAST_TLS_DOMAINS=a.example.com", "ROOMCAST_HTTP_ADDRESS=:9"}, ":9"},
		"domains and auto by hand": {[]string{"ROOMCAST_TLS_DOMAINS=a.example.com", "ROOMCAST_HTTP_ADDRESS=auto"}, ":443"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Load(Sources{Env: c.env})
			if err != nil {
				t.Fatal(err)
			}
			if got.HTTP.Address != c.want {
				t.Errorf("got %s, want %s", got.HTTP.Address, c.want)
			}
		})
	}
}

func TestFaultsNameTheKeyTheSourceAndWhatWouldBeRight(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  []string
		want []string // each must stand in a line of its own, in this order
	}{
		"unknown key":                   {file: "http: {adddress: x}", want: []string{"http.adddress (roomcast.yaml line 1): is not a key of ours; did you mean http.address?"}},
		"unknown section":               {file: "nonsense: 1", want: []string{"nonsense (roomcast.yaml line 1): is not a key of ours; remove it"}},
		"unknown variable":              {env: []string{"ROOMCAST_HTTP_ADDDRESS=x"}, want: []string{"ROOMCAST_HTTP_ADDDRESS: is not a variable of ours; did you mean ROOMCAST_HTTP_ADDRESS?"}},
		"key given twice":               {file: "data_dir: a\ndata_dir: b", want: []string{"data_dir (roomcast.yaml line 2): stands there twice"}},
		"two documents":                 {file: "data_dir: a\n---\ndata_dir: b", want: []string{"holds more than one document"}},
		"not YAML":                      {file: "a: b: c", want: []string{"roomcast.yaml: is not YAML; mapping values are not allowed"}},
		"a list as the whole file":      {file: "- a", want: []string{"roomcast.yaml (roomcast.yaml line 1): is not a section"}},
		"value for a section":           {file: "http: ':80'", want: []string{"http (roomcast.yaml line 1): is not a section"}},
		"section for a value":           {file: "data_dir: {a: b}", want: []string{"data_dir (roomcast.yaml line 1): is not a single value"}},
		"alias":                         {file: "data_dir: &x y\npublic_url: *x", want: []string{"public_url (roomcast.yaml line 2): is a YAML alias"}},
		"one value for a list":          {file: "trusted_proxies: 10.0.0.0/8", want: []string{"trusted_proxies (roomcast.yaml line 1): is not a list"}},
		"list in a list":                {file: "trusted_proxies: [[a]]", want: []string{"holds something that is not a single value"}},
		"address without port":          {env: []string{"ROOMCAST_HTTP_ADDRESS=8080"}, want: []string{`http.address (ROOMCAST_HTTP_ADDRESS): "8080" is not an address to listen on; write host:port`}},
		"address with a name":           {env: []string{"ROOMCAST_HTTP_ADDRESS=example.com:80"}, want: []string{`has no IP address before the port`}},
		"port too large":                {env: []string{"ROOMCAST_HTTP_ADDRESS=:65536"}, want: []string{`":65536" has no port number from 0 to 65535`}},
		"auto where there is none":      {env: []string{"ROOMCAST_RTMP_ADDRESS=auto"}, want: []string{`rtmp.address (ROOMCAST_RTMP_ADDRESS): "auto" is not an address`}},
		"neither true nor false":        {env: []string{"ROOMCAST_OUTBOUND_ALLOW_PRIVATE=perhaps"}, want: []string{`outbound.allow_private (ROOMCAST_OUTBOUND_ALLOW_PRIVATE): "perhaps" is neither true nor false`}},
		"negative limit":                {file: "limits: {max_participants: -1}", want: []string{`limits.max_participants (roomcast.yaml line 1): "-1" is not a limit; write a whole number`}},
		"limit with a fraction":         {file: "limits: {max_height: 1.5}", want: []string{`"1.5" is not a limit`}},
		"each bad proxy":                {env: []string{"ROOMCAST_TRUSTED_PROXIES=10.0.0.0/8,10.0.0.1,x"}, want: []string{`"10.0.0.1" is not a network; write CIDR`, `"x" is not a network`}},
		"bad public IP":                 {env: []string{"ROOMCAST_WEBRTC_PUBLIC_IPS=0.0.0.0"}, want: []string{`webrtc.public_ips (ROOMCAST_WEBRTC_PUBLIC_IPS): "0.0.0.0" is not an IP address of a machine`}},
		"bad URL":                       {env: []string{"ROOMCAST_PUBLIC_URL=rooms.example.com"}, want: []string{`public_url (ROOMCAST_PUBLIC_URL): "rooms.example.com" is not an http or https URL`}},
		"URL with a path":               {env: []string{"ROOMCAST_PUBLIC_URL=https://example.com/rooms"}, want: []string{`has a path; write scheme and host alone`}},
		"URL with a query":              {env: []string{"ROOMCAST_PUBLIC_URL=https://example.com?a"}, want: []string{`has a query or a fragment`}},
		"URL with a bad port":           {env: []string{"ROOMCAST_PUBLIC_URL=https://example.com:99999"}, want: []string{`has no port number`}},
		"log level":                     {env: []string{"ROOMCAST_LOG_LEVEL=loud"}, want: []string{`log.level (ROOMCAST_LOG_LEVEL): "loud" is not known; write one of debug, info, warn, error`}},
		"domain":                        {env: []string{"ROOMCAST_TLS_DOMAINS=a.example.com,-b,1.2.3.4,*.c.example.com"}, want: []string{`"-b" is not a domain name`, `"1.2.3.4" is not a domain`, `"*.c.example.com" is not`}},
		"certificate without key":       {env: []string{"ROOMCAST_TLS_CERT_FILE=c.pem"}, want: []string{"tls.key_file: is missing while tls.cert_file is set; set both, or neither"}},
		"key without certificate":       {env: []string{"ROOMCAST_TLS_KEY_FILE=k.pem"}, want: []string{"tls.cert_file: is missing"}},
		"files and domains":             {env: []string{"ROOMCAST_TLS_CERT_FILE=c", "ROOMCAST_TLS_KEY_FILE=k", "ROOMCAST_TLS_DOMAINS=a.example.com"}, want: []string{"tls.domains (ROOMCAST_TLS_DOMAINS): is set together with certificate files"}},
		"ACME server without domains":   {env: []string{"ROOMCAST_TLS_ACME_DIRECTORY=https://acme.example.com/dir", "ROOMCAST_TLS_ACME_CA=ca.pem"}, want: []string{"tls.acme_directory (ROOMCAST_TLS_ACME_DIRECTORY): is set without tls.domains", "tls.acme_ca"}},
		"two listeners on one port":     {env: []string{"ROOMCAST_HTTP_ADDRESS=:1935"}, want: []string{"rtmp.address: takes TCP port 1935, as http.address does; give each its own port"}},
		"a listener on WebRTC's TCP":    {env: []string{"ROOMCAST_HTTP_ADDRESS=127.0.0.1:8190"}, want: []string{"webrtc.address: takes TCP port 8190, as http.address does"}},
		"SRT on WebRTC's UDP":           {env: []string{"ROOMCAST_SRT_ADDRESS=:8190"}, want: []string{"webrtc.address: takes UDP port 8190, as srt.address does"}},
		"localhost and its address":     {env: []string{"ROOMCAST_HTTP_ADDRESS=localhost:7", "ROOMCAST_RTMP_ADDRESS=127.0.0.1:7"}, want: []string{"rtmp.address (ROOMCAST_RTMP_ADDRESS): takes TCP port 7"}},
		"an odd port for media":         {env: []string{"ROOMCAST_RTSP_UDP_ADDRESS=:8001"}, want: []string{"rtsp.udp_address (ROOMCAST_RTSP_UDP_ADDRESS): has the odd port 8001; give an even one"}},
		"SRT on the RTCP port":          {env: []string{"ROOMCAST_SRT_ADDRESS=:8557"}, want: []string{"rtsp.udp_address: takes UDP port 8557, as srt.address does"}},
		"every listener off":            {file: "http: {address: off}\nrtmp: {address: off}\nrtsp: {address: off}\nsrt: {address: off}\nwebrtc: {address: off}\nmetrics: {address: off}", want: []string{"http.address (roomcast.yaml line 1): is off, and so is every other listener"}},
		"no data directory":             {file: "data_dir: ''", want: []string{"data_dir (roomcast.yaml line 1): is empty"}},
		"faults of all sources at once": {file: "log: {level: loud}", env: []string{"ROOMCAST_X=1", "ROOMCAST_RTMP_ADDRESS=x", "ROOMCAST_TLS_CERT_FILE=c"}, want: []string{"log.level", "rtmp.address", "ROOMCAST_X", "tls.key_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(Sources{File: write(t, c.file), Env: c.env})
			if err == nil {
				t.Fatal("loaded")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("got %d faults, want %d:\n%v", len(lines), len(c.want), err)
			}
			for i, want := range c.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("got  %s\nwant %s", lines[i], want)
				}
			}
		})
	}
}

func TestAShortAdminKeyIsTaken(t *testing.T) {
	got, err := Load(Sources{Env: []string{"ROOMCAST_ADMIN_KEY=short"}})
	if err != nil || got.AdminKey.Reveal() != "short" {
		t.Errorf("%v", err)
	}
}

func TestListenersThatDoNotClash(t *testing.T) {
	for name, env := range map[string][]string{
		"TCP and UDP on one number":        {"ROOMCAST_HTTP_ADDRESS=:8890"},
		"two addresses":                    {"ROOMCAST_HTTP_ADDRESS=127.0.0.1:7", "ROOMCAST_RTMP_ADDRESS=127.0.0.2:7"},
		"any free port":                    {"ROOMCAST_HTTP_ADDRESS=:0", "ROOMCAST_RTMP_ADDRESS=:0"},
		"off and off":                      {"ROOMCAST_RTMP_ADDRESS=off", "ROOMCAST_RTSP_ADDRESS=off"},
		"RTMPS's port while TLS is off":    {"ROOMCAST_HTTP_ADDRESS=:1936"},
		"port 80 while there is no domain": {"ROOMCAST_HTTP_ADDRESS=:80"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(Sources{Env: env}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNoSecretIsEverShown(t *testing.T) {
	const canary = "s3cret"
	for name, s := range map[string]Sources{
		"a key with a space":           {Env: []string{"ROOMCAST_ADMIN_KEY=" + canary + " x"}},
		"a misspelt variable":          {Env: []string{"ROOMCAST_ADMIN_KYE=" + canary}},
		"a misspelt key":               {File: write(t, "admin_kye: "+canary)},
		"a key that is an alias":       {File: write(t, "admin_key: *"+canary)},
		"a key that is a broken quote": {File: write(t, `admin_key: "`+canary)},
		"a key that is a tag":          {File: write(t, "admin_key: !"+canary+" [")},
		"a key that is a list":         {File: write(t, "admin_key: ["+canary+"]")},
		"a URL with a password":        {Env: []string{"ROOMCAST_PUBLIC_URL=https://me:" + canary + "@example.com"}},
		"a broken URL with a password": {Env: []string{"ROOMCAST_PUBLIC_URL=https://me:%" + canary + "@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(s)
			if err == nil {
				t.Fatal("loaded")
			}
			if strings.Contains(err.Error(), canary) {
				t.Error(err)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsSaidSo(t *testing.T) {
	if _, err := Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")}); err == nil || !strings.Contains(err.Error(), "open configuration file") {
		t.Error(err)
	}
	if _, err := Load(Sources{File: write(t, strings.Repeat("#", maxFileBytes+1))}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

func TestAnEmptyFileChangesNothing(t *testing.T) {
	for _, body := range []string{"", "# nothing\n", "---\n", "null"} {
		got, err := Load(Sources{File: write(t, body)})
		if err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if d := cmp.Diff(Default(), got, comparing); d != "" {
			t.Errorf("%q: %s", body, d)
		}
	}
}

func TestWhatIsPrintedLoadsAgainWithoutItsSecrets(t *testing.T) {
	limit := int64(7)
	c := Default()
	c.PublicURL, c.AdminKey = "https://a.example.com", secret.New("0123456789abcdef")
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	c.TLS.Domains, c.HTTP.Address, c.RTSP.Address = []string{"a.example.com"}, ":443", Off
	c.WebRTC.PublicIPs = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	c.Limits.MaxHeight, c.Outbound.AllowPrivate, c.DataDir = &limit, true, "a: \"b\" #c"
	var printed strings.Builder
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if text := printed.String(); strings.Contains(text, c.AdminKey.Reveal()) || !strings.Contains(text, "# admin_key: "+secret.Redacted) {
		t.Errorf("not redacted:\n%s", text)
	}
	got, err := Load(Sources{File: write(t, printed.String())})
	if err != nil {
		t.Fatalf("%v\n%s", err, printed.String())
	}
	c.AdminKey = secret.Text{}
	if d := cmp.Diff(c, got, comparing); d != "" {
		t.Error(d)
	}
}

func TestAddressParts(t *testing.T) {
	for a, want := range map[Address]struct {
		on   bool
		host string
		port int
	}{
		":80": {true, "", 80}, "[::1]:5": {true, "::1", 5}, "localhost:0": {true, "localhost", 0}, Off: {false, "", 0},
	} {
		if a.On() != want.on || a.Host() != want.host || a.Port() != want.port || a.String() != string(a) {
			t.Errorf("%s: %v %q %d", a, a.On(), a.Host(), a.Port())
		}
	}
}

// FuzzLoad looks for files and values that crash the loader, that it takes but
// cannot print and take again, or whose secret it shows.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(Example), ":80")
	f.Add([]byte("a: &a [*a]"), "off")
	f.Add([]byte("<<: {data_dir: x}\nadmin_key: 0123456789abcdef"), "[::]:1")
	f.Add([]byte("trusted_proxies: [\"::ffff:1.2.3.4/100\"]\npublic_url: http://[::1]"), "a,b")
	f.Fuzz(func(t *testing.T, body []byte, value string) {
		l := &loader{config: defaults(), keys: Keys(), sources: map[string]string{}}
		l.file("fuzz.yaml", body)
		for _, k := range l.keys {
			if slices.Contains([]string{"http.address", "rtsp.udp_address", "webrtc.public_ips", "tls.domains", "limits.max_height"}, k.Path) {
				l.set(k, k.Env, k.split(value))
			}
		}
		l.config.resolve()
		l.check()
		if len(l.faults) > 0 {
			_ = l.faults.Error()
			return
		}
		var printed strings.Builder
		if err := l.config.Print(&printed); err != nil {
			t.Fatal(err)
		}
		if key := l.config.AdminKey; !key.IsZero() && strings.Contains(printed.String(), "admin_key: "+key.Reveal()) {
			t.Fatal("the secret is printed")
		}
		again := &loader{config: defaults(), keys: Keys(), sources: map[string]string{}}
		again.file("printed.yaml", []byte(printed.String()))
		if len(again.faults) > 0 {
			t.Fatalf("%v\n%s", again.faults, printed.String())
		}
		l.config.AdminKey = secret.Text{}
		if d := cmp.Diff(l.config, again.config, comparing); d != "" {
			t.Fatal(d)
		}
	})
}
