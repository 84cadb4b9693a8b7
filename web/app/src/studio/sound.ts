type Source = "microphone" | "screen";

/** How long the browser's sound may take to begin. */
const patienceMs = 1_000;

/**
 * Mixes what is heard into one track that never ends: microphone and screen come and go in it, and between them it is silence. So
 * the broadcast's sound is one from beginning to end, and a still screen without any other sound is no broken connection.
 */
export class Sound {
  #context: AudioContext | null = null;
  #out: MediaStreamAudioDestinationNode | null = null;
  readonly #inputs = new Map<Source, MediaStreamAudioSourceNode>();

  /**
   * The mixed track; null where the browser's sound does not run, as on a machine without any sound card. To be called from a click:
   * browsers let sound begin only then.
   */
  async open(): Promise<MediaStreamTrack | null> {
    try {
      this.#context ??= new AudioContext({ latencyHint: "interactive" });
      await Promise.race([this.#context.resume(), new Promise((late) => setTimeout(late, patienceMs))]);
    } catch {
      // As if it did not run.
    }
    if (this.#context?.state !== "running") {
      this.close();
      return null;
    }
    this.#out ??= this.#context.createMediaStreamDestination();
    return this.#out.stream.getAudioTracks()[0] ?? null;
  }

  /** Whether what is put in is heard. */
  get runs(): boolean {
    return this.#out !== null;
  }

  /** Lets a source be heard, or no longer with null. */
  put(source: Source, track: MediaStreamTrack | null): void {
    this.#inputs.get(source)?.disconnect();
    this.#inputs.delete(source);
    if (!track || !this.#context || !this.#out) return;
    const input = this.#context.createMediaStreamSource(new MediaStream([track]));
    input.connect(this.#out);
    this.#inputs.set(source, input);
  }

  close(): void {
    for (const input of this.#inputs.values()) input.disconnect();
    this.#inputs.clear();
    void this.#context?.close().catch(() => undefined);
    this.#context = null;
    this.#out = null;
  }
}
