const readEveryMs = 60;
/** What is shown as silence and as full, in dB below full scale. */
const quietDb = -55;
const loudDb = -10;

/** How loud the microphone is, for the level beside it. It reads only while somebody watches. */
export class Meter {
  /** From 0 to 1. */
  level = $state(0);
  #context: AudioContext | null = null;
  #source: MediaStreamAudioSourceNode | null = null;
  #analyser: AnalyserNode | null = null;
  #track: MediaStreamTrack | null = null;
  #watchers = 0;
  #timer: ReturnType<typeof setInterval> | null = null;

  listen(track: MediaStreamTrack | null): void {
    this.#track = track;
    this.#disconnect();
    if (this.#watchers > 0) this.#connect();
  }

  /** Reads until what it gives is called. */
  watch = (): (() => void) => {
    this.#watchers += 1;
    if (this.#watchers === 1) this.#connect();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#disconnect();
    };
  };

  close(): void {
    this.#track = null;
    this.#disconnect();
    void this.#context?.close().catch(() => undefined);
    this.#context = null;
  }

  #connect(): void {
    if (!this.#track || this.#timer !== null) return;
    try {
      this.#context ??= new AudioContext();
      // Before the first click the browser may keep it suspended: it then wakes with that click.
      void this.#context.resume().catch(() => undefined);
      this.#source = this.#context.createMediaStreamSource(new MediaStream([this.#track]));
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = 1024;
      this.#source.connect(this.#analyser);
    } catch {
      return;
    }
    const samples = new Float32Array(this.#analyser.fftSize);
    this.#timer = setInterval(() => {
      this.#analyser?.getFloatTimeDomainData(samples);
      this.level = Math.max(levelOf(samples), this.level * 0.8);
    }, readEveryMs);
  }

  #disconnect(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#source?.disconnect();
    this.#source = null;
    this.#analyser = null;
    this.level = 0;
  }
}

/** The loudness of samples, from 0 (silence) to 1 (full). */
export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / samples.length || 1e-12);
  return Math.min(1, Math.max(0, (db - quietDb) / (loudDb - quietDb)));
}
