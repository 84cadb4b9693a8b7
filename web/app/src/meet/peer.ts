import type { ICEServer, OfferedTrack, Slot, Source } from "$lib/signaling/protocol.gen";
import { encodingsFor, wantedCodecs } from "./encodings";

export interface PeerOptions {
  iceServers: ICEServer[];
  /** The room's video codec, as its features name it: `vp8`. */
  videoCodec: string;
  audioSlots: number;
  videoSlots: number;
  /** Has an offer answered by the server; throws what the server said if it refuses. */
  offer: (sdp: string, tracks: OfferedTrack[]) => Promise<string>;
  /** Media flows, or does not for now. */
  onconnected: (connected: boolean) => void;
  /** This connection cannot be saved: make a new one. */
  onlost: () => void;
  /** An offer was refused; the connection stays as it was. */
  onrefused: (cause: unknown) => void;
}

interface Sending {
  readonly transceiver: RTCRtpTransceiver;
  announced: boolean;
}

const sources: readonly Source[] = ["microphone", "camera", "screen", "screen_audio"];
const kindOf: Record<Source, "audio" | "video"> = { microphone: "audio", camera: "video", screen: "video", screen_audio: "audio" };
/** How long a connection may stay broken before the ICE restart, and after it. */
const patienceMs = 4_000;
const restartPatienceMs = 10_000;

/**
 * The one PeerConnection of a meeting: sections for all that is ever sent and shown are in the first offer, so that only publishing
 * something for the first time, and repairing the connection, need another. Offers go out one at a time.
 */
export class Peer {
  readonly #pc: RTCPeerConnection;
  readonly #options: PeerOptions;
  readonly #sending = new Map<Source, Sending>();
  readonly #receiving: { transceiver: RTCRtpTransceiver; stream: MediaStream }[] = [];
  #negotiating = false;
  #again = false;
  #restart = false;
  #restarts = 0;
  #answered = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: "max-bundle" });
    this.#pc.onconnectionstatechange = () => this.#connectionChanged();
    for (const source of sources) {
      const transceiver = this.#pc.addTransceiver(kindOf[source], { direction: "inactive", sendEncodings: encodingsFor(source) });
      this.#prefer(transceiver, kindOf[source]);
      this.#sending.set(source, { transceiver, announced: false });
    }
    for (let index = 0; index < options.audioSlots + options.videoSlots; index++) {
      const kind = index < options.audioSlots ? "audio" : "video";
      const transceiver = this.#pc.addTransceiver(kind, { direction: "recvonly" });
      this.#prefer(transceiver, kind);
      this.#receiving.push({ transceiver, stream: new MediaStream([transceiver.receiver.track]) });
    }
  }

  /** What the audio slots play; always the same streams, whoever speaks in them. */
  get audio(): MediaStream[] {
    return this.#receiving.filter(({ stream }) => stream.getAudioTracks().length > 0).map(({ stream }) => stream);
  }

  /** Whether a broken socket may resume this connection. */
  get stands(): boolean {
    return !this.#closed && this.#pc.connectionState !== "failed" && this.#pc.connectionState !== "closed";
  }

  /** Whether the server has taken this connection. What it says of a lost one before that is about an earlier one. */
  get answered(): boolean {
    return this.#answered;
  }

  /** The stream of the section that a slot is about. */
  streamOf(slot: Slot): MediaStream | null {
    return this.#receiving.find(({ transceiver }) => transceiver.mid === slot.mid)?.stream ?? null;
  }

  /** Sends a track, or nothing for now, as a source. The first time it is announced to the server, by an offer. */
  async publish(source: Source, track: MediaStreamTrack | null): Promise<void> {
    const sending = this.#sending.get(source);
    if (!sending || this.#closed) return;
    await sending.transceiver.sender.replaceTrack(track);
    if (track === null || sending.announced) return;
    sending.announced = true;
    sending.transceiver.direction = "sendonly";
    await this.negotiate();
  }

  /** Takes a source back: it is no longer published. */
  async unpublish(source: Source): Promise<void> {
    const sending = this.#sending.get(source);
    if (!sending || this.#closed) return;
    await sending.transceiver.sender.replaceTrack(null);
    if (!sending.announced) return;
    sending.announced = false;
    sending.transceiver.direction = "inactive";
    await this.negotiate();
  }

  /** Puts tracks in without an offer: for the first one, which `negotiate` then sends. */
  async prepare(tracks: ReadonlyMap<Source, MediaStreamTrack>): Promise<void> {
    for (const [source, track] of tracks) {
      const sending = this.#sending.get(source);
      if (!sending) continue;
      sending.announced = true;
      sending.transceiver.direction = "sendonly";
      await sending.transceiver.sender.replaceTrack(track);
    }
  }

  /** Whether a source is announced to the server. */
  isPublished(source: Source): boolean {
    return this.#sending.get(source)?.announced ?? false;
  }

  /** Offers what is now. While an offer is under way, one more follows it. */
  async negotiate(): Promise<void> {
    if (this.#closed) return;
    if (this.#negotiating) {
      this.#again = true;
      return;
    }
    this.#negotiating = true;
    try {
      do {
        this.#again = false;
        await this.#offer();
      } while (this.#again && !this.#closed);
    } catch (cause) {
      if (!this.#closed) this.#options.onrefused(cause);
    } finally {
      this.#negotiating = false;
    }
  }

  /** Finds another way through the network, after it changed. */
  restartIce(): void {
    if (this.#closed) return;
    this.#restart = true;
    void this.negotiate();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }

  async #offer(): Promise<void> {
    const pc = this.#pc;
    const restart = this.#restart;
    this.#restart = false;
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: restart }));
    const tracks = [...this.#sending].flatMap(([source, { transceiver, announced }]) => (announced && transceiver.mid !== null ? [{ mid: transceiver.mid, source }] : []));
    let answer: string;
    try {
      answer = await this.#options.offer(pc.localDescription?.sdp ?? "", tracks);
    } catch (cause) {
      if (!this.#closed && pc.signalingState === "have-local-offer") await pc.setLocalDescription({ type: "rollback", sdp: "" });
      throw cause;
    }
    this.#answered = true;
    if (!this.#closed) await pc.setRemoteDescription({ type: "answer", sdp: answer });
  }

  #connectionChanged(): void {
    const state = this.#pc.connectionState;
    this.#options.onconnected(state === "connected");
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (state === "connected") this.#restarts = 0;
    else if (state === "failed") this.#repair();
    else if (state === "disconnected") this.#timer = setTimeout(() => this.#repair(), patienceMs);
  }

  #repair(): void {
    if (this.#closed) return;
    this.#restarts += 1;
    if (this.#restarts > 2) {
      this.#options.onlost();
      return;
    }
    this.#timer = setTimeout(() => this.#repair(), restartPatienceMs);
    this.restartIce();
  }

  #prefer(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
    // Older browsers cannot choose: their offers are larger, and work.
    if (!("setCodecPreferences" in transceiver)) return;
    const known = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
    const mimeType = kind === "audio" ? "audio/opus" : `video/${this.#options.videoCodec}`;
    try {
      transceiver.setCodecPreferences(wantedCodecs(known, mimeType));
    } catch {
      // The browser's own order then.
    }
  }
}
