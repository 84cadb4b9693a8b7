package transcode

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"roomcast/media"
)

const (
	// ladderLead keeps the timestamps that ffmpeg sees above 0, whatever the
	// order of pictures is.
	ladderLead = 30 * time.Second
	// inFlight is how many pictures may be between input and outputs and still
	// get back their exact times.
	inFlight = 1024
)

// Rung is one rendition of a ladder.
type Rung struct {
	// Name is that of its playlist: "480p".
	Name string
	// Width and Height are in pixels, even.
	Width, Height int
	BitrateBps    int64
}

// rungBitrates are what a picture of that many lines takes, in bits per second.
var rungBitrates = []struct {
	lines int
	bps   int64
}{
	{2160, 12_000_000},
	{1440, 8_000_000},
	{1080, 4_500_000},
	{720, 2_500_000},
	{480, 1_200_000},
	{360, 700_000},
	{240, 350_000},
	{144, 160_000},
}

// autoHeights are the rungs of a ladder that nobody chose, at most autoRungs of them.
var autoHeights = []int{720, 480, 360}

const autoRungs = 2

// Rungs plans a ladder below a source: of the given heights, or those that suit
// it. Heights are of the shorter side; none is as large as the source. The
// largest comes first.
func Rungs(source *media.Track, heights []int) []Rung {
	limit := 0
	if heights == nil {
		heights, limit = autoHeights, autoRungs
	}
	heights = slices.Clone(heights)
	slices.Sort(heights)
	slices.Reverse(heights)
	short := min(source.Width, source.Height)
	var rungs []Rung
	for _, h := range slices.Compact(heights) {
		h &^= 1
		if h >= short || h < 2 || limit > 0 && len(rungs) == limit {
			continue
		}
		w := (max(source.Width, source.Height)*h/short + 1) &^ 1
		r := Rung{Name: strconv.Itoa(h) + "p", Width: w, Height: h, BitrateBps: rungBitrate(h)}
		if source.Width < source.Height {
			r.Width, r.Height = h, w
		}
		rungs = append(rungs, r)
	}
	return rungs
}

// Top is a rung in a source's own size. bps is what the source takes, 0 if that is
// not known; a rung takes no more than twice what suits its size.
func Top(source *media.Track, bps int64) Rung {
	short := min(source.Width, source.Height)
	usual := rungBitrate(short)
	if bps <= 0 {
		bps = usual
	}
	return Rung{
		Name: strconv.Itoa(short) + "p", Width: source.Width &^ 1, Height: source.Height &^ 1,
		BitrateBps: min(max(bps, usual/4), 2*usual),
	}
}

// rungBitrate goes by the number of pixels between the steps that are known.
func rungBitrate(lines int) int64 {
	last := rungBitrates[0]
	for _, b := range rungBitrates {
		if lines >= b.lines {
			share := float64(lines*lines-b.lines*b.lines) / float64(max(last.lines*last.lines-b.lines*b.lines, 1))
			return b.bps + int64(share*float64(last.bps-b.bps))
		}
		last = b
	}
	return last.bps
}

// LadderOptions are what a Ladder needs.
type LadderOptions struct {
	// Source is the video track that is fed first; others of its codec may follow.
	Source *media.Track
	Rungs  []Rung
	// From is the time of the picture that the rungs begin with: one that Write
	// is told to make a key frame of. What is fed before is only decoded.
	From time.Duration
	// Emit gets the pictures of one rung in order, from one goroutine for each
	// rung: H.264 with the times of the source's pictures, key frames where Write
	// was told. It must not block for long.
	Emit func(rung int, track *media.Track, u RungUnit)
	Log  *slog.Logger
}

// RungUnit is one picture of a rung.
type RungUnit struct {
	PTS     time.Duration // of the source's picture; decoded in the same order
	Key     bool
	Payload []byte // as in media.Unit
}

// Ladder is one ffmpeg that makes all rungs of one source, until its end.
type Ladder struct {
	o       LadderOptions
	process *Process
	reading sync.WaitGroup
	readErr []error

	buf  []byte
	base time.Duration // of the rungs' first picture
	fed  atomic.Int64  // newest time that went in, in nanoseconds
	out  []atomic.Int64

	mu    sync.Mutex
	times [inFlight]stamp // of pictures on their way, by the order they went in
	next  int
}

// stamp remembers what was rounded away.
type stamp struct {
	tick int64
	pts  time.Duration
}

// StartLadder starts one. The error wraps ErrMissing if the tool cannot do it.
func (t *Tool) StartLadder(ctx context.Context, o LadderOptions) (*Ladder, error) {
	if _, ok := t.Has("libx264"); !ok {
		return nil, fmt.Errorf("start a ladder: no H.264 encoder: %w", ErrMissing)
	}
	fourCC, ok := map[media.Codec]string{media.H264: "H264", media.H265: "HEVC", media.VP9: "VP90", media.AV1: "AV01"}[o.Source.Codec]
	if !ok || len(o.Rungs) == 0 {
		return nil, fmt.Errorf("start a ladder: no rungs of %s", o.Source.Codec)
	}
	p, err := t.Start(ctx, Job{Name: "ladder", Args: ladderArgs(o), Outputs: len(o.Rungs), Background: true, Log: o.Log})
	if err != nil {
		return nil, err
	}
	l := &Ladder{o: o, process: p, base: o.From, readErr: make([]error, len(o.Rungs)), out: make([]atomic.Int64, len(o.Rungs))}
	l.fed.Store(int64(o.From))
	for i := range l.out {
		l.out[i].Store(int64(o.From))
	}
	l.buf = ivfHeader(fourCC, o.Source.Width, o.Source.Height)
	for i := range o.Rungs {
		l.reading.Go(func() { l.readErr[i] = l.read(i) })
	}
	return l, nil
}

// Whether a picture becomes a key frame is told to ffmpeg by its time, for there is
// no other way to tell it of a single one: ticks are rounded down to a multiple of
// tickGrain, and one of these is added. ffmpeg counts from the first picture that it
// encodes, which is marked as a key frame.
const (
	tickGrain = 4
	keyTick   = 1
	plainTick = 3
)

func mark(tick int64, key bool) int64 {
	tick &^= tickGrain - 1
	if key {
		return tick + keyTick
	}
	return tick + plainTick
}

// keyRule is true of a picture that is marked as a key frame.
var keyRule = fmt.Sprintf("expr:lt(mod(round(t*%d),%d),%d)", pictureClock, tickGrain, plainTick-keyTick)

func ladderArgs(o LadderOptions) []string {
	rungs := o.Rungs
	args := []string{
		"-probesize", "32", "-analyzeduration", "0", "-copyts", "-thread_type", "slice",
		"-f", "ivf", "-i", "pipe:0",
	}
	var graph strings.Builder
	first := mark((&Ladder{base: o.From}).tick(o.From), true)
	fmt.Fprintf(&graph, "[0:v]trim=start_pts=%d,split=%d", first, len(rungs))
	for i := range rungs {
		fmt.Fprintf(&graph, "[s%d]", i)
	}
	for i, r := range rungs {
		fmt.Fprintf(&graph, ";[s%d]scale=%d:%d:flags=bilinear,setsar=1,format=yuv420p[r%d]", i, r.Width, r.Height, i)
	}
	args = append(args, "-filter_complex", graph.String(), "-filter_complex_threads", "1")
	for i, r := range rungs {
		threads := "1"
		if min(r.Width, r.Height) > 480 {
			threads = "2"
		}
		bps := strconv.FormatInt(r.BitrateBps, 10)
		args = append(args,
			"-map", fmt.Sprintf("[r%d]", i), "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "main",
			"-b:v", bps, "-maxrate", bps, "-bufsize", bps,
			// Every picture with its own time, key frames where they are marked and nowhere else.
			"-fps_mode", "passthrough", "-enc_time_base", "1:"+strconv.Itoa(pictureClock),
			"-force_key_frames", keyRule, "-forced-idr", "1",
			"-x264-params", "keyint=infinite:scenecut=0:threads="+threads,
			"-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", OutputPipe(i))
	}
	return args
}

// tick is a time on the ladder's clock.
func (l *Ladder) tick(d time.Duration) int64 {
	d += ladderLead - l.base
	hi, lo := bits.Mul64(uint64(max(d, 0)), pictureClock)
	lo, carry := bits.Add64(lo, uint64(time.Second/2), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(time.Second))
	return int64(q)
}

// Write feeds one picture of the source; the first of each track is a key frame. key
// says whether the rungs have one there. It waits while ffmpeg does not read. An error
// means that ffmpeg is gone.
func (l *Ladder) Write(u *media.Unit, key bool) error {
	tick := mark(l.tick(u.PTS), key)
	l.mu.Lock()
	l.times[l.next%inFlight] = stamp{tick, u.PTS}
	l.next++
	l.mu.Unlock()
	l.fed.Store(int64(max(u.PTS, l.base)))
	at := len(l.buf)
	l.buf = appendIVFFrame(l.buf, 0, tick)
	body := len(l.buf)
	l.buf = appendElementary(l.buf, u)
	binary.LittleEndian.PutUint32(l.buf[at:], uint32(len(l.buf)-body))
	_, err := l.process.Write(l.buf)
	l.buf = l.buf[:0]
	if err != nil {
		return fmt.Errorf("feed the ladder: %w", err)
	}
	return nil
}

var startCode = []byte{0, 0, 0, 1}

// appendElementary appends a picture as it stands in an elementary stream.
func appendElementary(dst []byte, u *media.Unit) []byte {
	t := u.Track
	if t.Codec != media.H264 && t.Codec != media.H265 {
		return append(dst, u.Payload...)
	}
	put := func(nal []byte) {
		if len(nal) > 0 {
			dst = append(append(dst, startCode...), nal...)
		}
	}
	if u.Key {
		put(t.VPS)
		put(t.SPS)
		put(t.PPS)
		for _, n := range t.ExtraPPS {
			put(n)
		}
	}
	for n := range media.NALs(u.Payload) {
		put(n)
	}
	return dst
}

// time is the exact time of the picture that has a tick, of 33 bits.
func (l *Ladder) time(tick, last int64) (pts time.Duration, whole int64) {
	const wrap = 1 << 33
	whole = tick + (last-tick+wrap/2)&^(wrap-1)
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range min(l.next, inFlight) {
		if s := l.times[(l.next-1-n)%inFlight]; s.tick == whole {
			return s.pts, whole
		}
	}
	seconds, rest := whole/pictureClock, whole%pictureClock
	return time.Duration(seconds)*time.Second + time.Duration(rest*int64(time.Second)/pictureClock) - ladderLead + l.base, whole
}

// read gives out the pictures of one rung.
func (l *Ladder) read(i int) error {
	var track *media.Track
	var known sets
	var last int64
	return readTS(l.process.Output(i), func(p picture) error {
		if p.key && (track == nil || !slices.Equal(known.sps, p.sets.sps) || !slices.Equal(known.pps, p.sets.pps)) {
			t, err := media.NewH264(p.sets.sps, p.sets.pps, l.o.Source.FrameRate)
			if err != nil {
				return fmt.Errorf("read rung %s: %w", l.o.Rungs[i].Name, err)
			}
			track, known = t, sets{sps: slices.Clone(p.sets.sps), pps: slices.Clone(p.sets.pps)}
		}
		if track == nil || len(p.payload) == 0 {
			return nil
		}
		var pts time.Duration
		pts, last = l.time(p.pts, last)
		l.out[i].Store(int64(pts))
		l.o.Emit(i, track, RungUnit{PTS: pts, Key: p.key, Payload: p.payload})
		return nil
	})
}

// Lag is how far the slowest rung is behind what was fed.
func (l *Ladder) Lag() (lag time.Duration) {
	fed := l.fed.Load()
	for i := range l.out {
		lag = max(lag, time.Duration(fed-l.out[i].Load()))
	}
	return lag
}

// PID is ffmpeg's number.
func (l *Ladder) PID() int { return l.process.PID() }

// Kill ends ffmpeg at once, and does not wait for that: Write fails soon.
func (l *Ladder) Kill() { l.process.Kill() }

// Newest is the time up to which every rung is made.
func (l *Ladder) Newest() time.Duration {
	newest := int64(math.MaxInt64)
	for i := range l.out {
		newest = min(newest, l.out[i].Load())
	}
	return time.Duration(newest)
}

// Done is closed when ffmpeg has ended.
func (l *Ladder) Done() <-chan struct{} { return l.process.Done() }

// Finish lets ffmpeg make what it was fed, and returns when all is given out,
// or ctx ends.
func (l *Ladder) Finish(ctx context.Context) {
	l.process.CloseInput()
	select {
	case <-l.process.Done():
	case <-ctx.Done():
	}
	_ = l.Stop()
}

// Stop ends it at once, and tells why it ended if it did so before.
func (l *Ladder) Stop() error {
	select {
	case <-l.process.Done():
		l.reading.Wait()
	default:
		l.process.Stop()
		l.reading.Wait()
	}
	err := errors.Join(append(l.readErr, l.process.Wait())...)
	if errors.Is(err, ErrStopped) {
		return nil
	}
	return err
}
