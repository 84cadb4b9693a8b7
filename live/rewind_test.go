package live

import (
	"slices"
	"strings"
	"testing"
)

func TestTheRewindOffersWhatIsOnDisk(t *testing.T) {
	const list = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"b\",URI=\"p/audio-2.m3u8\"\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=2\np/live.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\np/480p.m3u8\n"
	for name, want := range map[string]string{
		"live 480p audio-2": "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"b\",URI=\"p/dvr-audio-2.m3u8\"\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=2\np/dvr-live.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\np/dvr-480p.m3u8\n",
		"live": "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"\n#EXT-X-STREAM-INF:BANDWIDTH=2\np/dvr-live.m3u8\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := string(rewindLines([]byte(list), "p/", func(n string) bool { return slices.Contains(strings.Fields(name), n) }))
			if got != want {
				t.Errorf("%s", got)
			}
		})
	}
}
