package transcode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"roomcast/media"
)

const (
	soundRate = 48000
	aacFrame  = 1024
	// aacPriming is how many samples of silence the encoder puts before the first.
	aacPriming = 1024
	// soundQueue and soundBytes bound what may wait for ffmpeg: packets, a burst
	// of 20 s, and bytes.
	soundQueue, soundBytes = 1024, 2 << 20
	// soundTolerance is how far packets may be from the count of their samples.
	soundTolerance = 30 * time.Millisecond
	// maxSilence is the longest hole that is filled; after a longer one the
	// encoder begins anew.
	maxSilence = 2 * time.Second
	// lowBitrate and highBitrate are of one and of two channels, in bits per second.
	lowBitrate, highBitrate = 96_000, 160_000
	// firstRetry and lastRetry bound the pause before a process is started again.
	firstRetry, lastRetry = 100 * time.Millisecond, 5 * time.Second
	// stuck is how long nothing may come out, and how much may have gone in since,
	// before a process is ended: it hangs.
	stuck = 3 * time.Second
	// healthy is how long a process must have run for its end to be no habit.
	healthy = 10 * time.Second
)

// AudioOptions are what an Audio needs.
type AudioOptions struct {
	Tool *Tool
	// Source is the Opus track.
	Source *media.Track
	// Emit gets the frames of AAC in order. It must not block for long.
	Emit func(pts time.Duration, payload []byte)
	// Trouble, unless nil, is told why ffmpeg ended before its time; the sound
	// has a gap then. nil tells that sound comes again.
	Trouble func(err error)
	Log     *slog.Logger
}

// Audio makes AAC of one Opus track. Timestamps are exact: samples are counted,
// holes are filled with silence, and the encoder's delay is taken off.
type Audio struct {
	o       AudioOptions
	track   *media.Track
	packets chan packet
	begun   bool         // something was written
	waiting atomic.Int64 // bytes in packets
	fed     atomic.Int64 // newest timestamp put in, in nanoseconds
	last    atomic.Int64 // newest timestamp given out
}

type packet struct {
	pts     time.Duration
	payload []byte
}

// NewAudio makes one that does nothing until Run. The error wraps ErrMissing if
// the tool cannot do it.
func NewAudio(o AudioOptions) (*Audio, error) {
	if o.Source.Codec != media.Opus {
		return nil, fmt.Errorf("make AAC of %s: only Opus is transcoded", o.Source.Codec)
	}
	if _, ok := o.Tool.Has("aac"); !ok {
		return nil, fmt.Errorf("make AAC: %w", ErrMissing)
	}
	channels := min(o.Source.Channels, 2)
	// AAC LC at 48 kHz (ISO 14496-3, 1.6.2.1).
	track, err := media.NewAAC([]byte{0x11, 0x80 | byte(channels)<<3})
	if err != nil {
		return nil, err
	}
	track.Label, track.Language = o.Source.Label, o.Source.Language
	return &Audio{o: o, track: track, packets: make(chan packet, soundQueue)}, nil
}

// Track is the AAC that comes out.
func (a *Audio) Track() *media.Track { return a.track }

// Write takes one packet, from one goroutine. It never waits: what ffmpeg does
// not get to is lost.
func (a *Audio) Write(pts time.Duration, payload []byte) {
	if media.OpusDuration(payload) == 0 || len(payload) > maxOggPacket {
		return
	}
	if !a.begun {
		a.begun = true
		a.last.Store(int64(pts) - 1)
		a.fed.Store(int64(pts))
	}
	if a.waiting.Load()+int64(len(payload)) > soundBytes {
		return
	}
	select {
	case a.packets <- packet{pts, payload}:
		a.waiting.Add(int64(len(payload)))
		a.fed.Store(int64(pts))
	default:
	}
}

// Behind is how far what came out is behind what was put in.
func (a *Audio) Behind() time.Duration {
	return time.Duration(a.fed.Load() - a.last.Load())
}

// Run transcodes until ctx ends; a process that dies is started again.
func (a *Audio) Run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		begun := time.Now()
		err := a.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errRestart) {
			continue
		}
		a.o.Log.Warn("sound is not transcoded for a moment", "error", err)
		if a.o.Trouble != nil {
			a.o.Trouble(err)
		}
		if time.Since(begun) > healthy {
			retry = firstRetry
		}
		pause(ctx, retry)
		retry = min(2*retry, lastRetry)
	}
}

// pause waits for d, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// errRestart ends one process for another, as its source has a long hole.
var errRestart = errors.New("a hole in the sound")

// errEnded is the end of a process without an error and without being told to.
var errEnded = errors.New("ffmpeg ended by itself")

func (a *Audio) args() []string {
	args := []string{"-probesize", "32", "-analyzeduration", "0", "-flags", "low_delay", "-threads", "1"}
	if _, ok := a.o.Tool.Has("libopus"); ok {
		args = append(args, "-c:a", "libopus") // as many samples out as the packet says
	}
	bitrate := lowBitrate
	if a.track.Channels > 1 {
		bitrate = highBitrate
	}
	return append(args,
		"-f", "ogg", "-i", "pipe:0", "-map", "0:a", "-filter_threads", "1",
		// What cannot be decoded becomes silence: the count of samples goes on.
		"-af", "aresample=async=1:min_hard_comp=0.005:first_pts=0",
		"-c:a", "aac", "-profile:a", "aac_low", "-ar", strconv.Itoa(soundRate), "-ac", strconv.Itoa(a.track.Channels), "-b:a", strconv.Itoa(bitrate),
		"-f", "adts", "-flush_packets", "1", OutputPipe(0))
}

// once is the life of one process.
func (a *Audio) once(ctx context.Context) error {
	var first packet
	select {
	case first = <-a.packets:
		a.waiting.Add(-int64(len(first.payload)))
	case <-ctx.Done():
		return ctx.Err()
	}
	p, err := a.o.Tool.Start(ctx, Job{Name: "sound", Args: a.args(), Outputs: 1, Log: a.o.Log})
	if err != nil {
		return err
	}
	read, watched := make(chan error, 1), make(chan struct{})
	go func() { read <- a.read(p, first.pts) }()
	go func() { defer close(watched); a.watch(p) }()
	if err = a.feed(ctx, p, first); err == nil {
		p.settle()
	}
	p.Stop()
	<-watched
	if e := <-read; e != nil && err == nil {
		err = e
	}
	if e := p.Err(); e != nil && !errors.Is(e, ErrStopped) {
		err = e
	}
	if err == nil {
		err = errEnded
	}
	return err
}

// watch ends the process if it hangs.
func (a *Audio) watch(p *Process) {
	t := time.NewTicker(stuck / 10)
	defer t.Stop()
	last, since := a.last.Load(), time.Now()
	for {
		select {
		case now := <-t.C:
			if l := a.last.Load(); l != last || a.Behind() < stuck {
				last, since = l, now
			} else if now.Sub(since) >= stuck {
				a.o.Log.Warn("ffmpeg hangs and is ended", "job", "sound")
				p.Kill()
				return
			}
		case <-p.Done():
			return
		}
	}
}

// soundClock counts the samples that ffmpeg was given.
type soundClock struct {
	anchor  time.Duration
	samples int64
}

func (c *soundClock) now() time.Duration {
	return c.anchor + samplesDuration(c.samples)
}

func samplesDuration(n int64) time.Duration {
	return time.Duration(n/soundRate)*time.Second + time.Duration(n%soundRate*int64(time.Second)/soundRate)
}

// feed writes packets to the process until it or ctx ends.
func (a *Audio) feed(ctx context.Context, p *Process, first packet) error {
	var w oggWriter
	if _, err := p.Write(w.headers(a.o.Source.Channels)); err != nil {
		return nil //nolint:nilerr // the process is gone, and says itself why
	}
	clock := soundClock{anchor: first.pts}
	put := func(b []byte) error {
		clock.samples += int64(media.OpusDuration(b) * soundRate / time.Second)
		_, err := p.Write(w.page(b, clock.samples, 0))
		return err
	}
	for next := first; ; {
		hole := next.pts - clock.now()
		switch {
		case hole > maxSilence:
			return errRestart // and this packet is lost, too
		case hole > soundTolerance:
			for _, b := range silence(hole) {
				if err := put(b); err != nil {
					return nil //nolint:nilerr // as above
				}
			}
		}
		if hole > -soundTolerance {
			if err := put(next.payload); err != nil {
				return nil //nolint:nilerr // as above
			}
		}
		select {
		case next = <-a.packets:
			a.waiting.Add(-int64(len(next.payload)))
		case <-p.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Packets of silence: one channel, CELT, of 20 and of 2.5 ms (RFC 6716, 3.1).
var silence20, silence2 = []byte{31 << 3, 0xff, 0xfe}, []byte{28 << 3, 0xff, 0xfe}

// silence is packets for a hole, to the next 2.5 ms.
func silence(hole time.Duration) (packets [][]byte) {
	const short, long = 2500 * time.Microsecond, 20 * time.Millisecond
	hole = hole.Round(short)
	for ; hole >= long; hole -= long {
		packets = append(packets, silence20)
	}
	for ; hole >= short; hole -= short {
		packets = append(packets, silence2)
	}
	return packets
}

// read gives out what the process makes; the first packet began at anchor.
func (a *Audio) read(p *Process, anchor time.Duration) error {
	r := bufio.NewReader(p.Output(0))
	for n := int64(0); ; n++ {
		b, err := readADTS(r)
		if err != nil {
			if errors.Is(err, errADTS) {
				return err
			}
			return nil
		}
		at := n*aacFrame - aacPriming
		if at < 0 {
			continue
		}
		pts := anchor + samplesDuration(at)
		if int64(pts) <= a.last.Load() {
			continue
		}
		a.last.Store(int64(pts))
		if at == 0 && a.o.Trouble != nil {
			a.o.Trouble(nil)
		}
		a.o.Emit(pts, b)
	}
}
