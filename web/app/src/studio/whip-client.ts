import { problemFrom, problemFromAnswer, type Problem } from "$lib/api";
import { fragmentOf, orderedCodecs, withTransport, type Candidate } from "./sdp";

/** `connecting` until media flows for the first time, `reconnecting` while it does not for now. */
export type WhipState = "idle" | "connecting" | "live" | "reconnecting" | "failed";

export interface WhipOptions {
  /** `endpoints.whip`, whole. */
  endpoint: () => string;
  /** The Bearer credential at the moment of use. */
  token: () => string | null;
  onstate: (state: WhipState, problem: Problem | null) => void;
}

/** What is sent. */
export interface Sending {
  video: MediaStreamTrack;
  audio: MediaStreamTrack | null;
  maxVideoBps: number;
  maxAudioBps: number;
  maxFramesPerSecond: number;
}

/** Candidates found within so long go out in one request. */
const gatherMs = 200;
/** How long a broken connection may mend by itself before ICE is restarted, and how long a restart may take. */
const patienceMs = 2_000;
const restartMs = 6_000;
/** How long to go on trying once the server does not know the resource any more; the server keeps the show for as long by default. */
const retryForMs = 60_000;
const longestWaitMs = 8_000;

/** A WHIP client (RFC 9725): publishes one picture and one sound, trickles candidates, restarts ICE, and comes back. It knows no page. */
export class WhipClient {
  readonly #options: WhipOptions;
  #sending: Sending | null = null;
  #pc: RTCPeerConnection | null = null;
  #resource = "";
  #etag = "";
  #answer = "";
  #candidates: Candidate[] = [];
  #timers = new Map<"candidates" | "mend" | "retry", ReturnType<typeof setTimeout>>();
  #state: WhipState = "idle";
  #lostAt = 0;
  #tries = 0;
  #restarting = false;

  constructor(options: WhipOptions) {
    this.#options = options;
  }

  get state(): WhipState {
    return this.#state;
  }

  /** Begins; throws a Problem if the server refuses. */
  async start(sending: Sending): Promise<void> {
    this.#sending = sending;
    this.#tries = 0;
    this.#turn("connecting");
    window.addEventListener("online", this.#networkChanged);
    window.addEventListener("pagehide", this.#leave);
    try {
      await this.#connect();
    } catch (cause) {
      const problem = problemFrom(cause);
      await this.stop();
      throw problem;
    }
  }

  /** Sends another track of the same kind from now on. */
  async replace(kind: "video" | "audio", track: MediaStreamTrack | null): Promise<void> {
    if (!this.#sending) return;
    if (kind === "audio") this.#sending.audio = track;
    else if (track) this.#sending.video = track;
    await this.#pc?.getTransceivers().find((one) => one.sender.track?.kind === kind || one.receiver.track.kind === kind)?.sender.replaceTrack(track);
  }

  /** Ends the broadcast from here. */
  async stop(): Promise<void> {
    window.removeEventListener("online", this.#networkChanged);
    window.removeEventListener("pagehide", this.#leave);
    this.#sending = null;
    const gone = this.#drop();
    this.#turn("idle");
    await gone;
  }

  /** What the browser says of the connection; null without one. */
  async stats(): Promise<RTCStatsReport | null> {
    return (await this.#pc?.getStats()) ?? null;
  }

  async #connect(): Promise<void> {
    const sending = this.#sending;
    if (!sending) return;
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#pc = pc;
    this.#candidates = [];
    pc.onicecandidate = ({ candidate }) => this.#found({ candidate: candidate?.candidate ?? "", mid: candidate?.sdpMid ?? null });
    pc.onconnectionstatechange = () => this.#changed(pc);
    const video = pc.addTransceiver(sending.video, { direction: "sendonly", sendEncodings: [{ maxBitrate: sending.maxVideoBps, maxFramerate: sending.maxFramesPerSecond }] });
    prefer(video);
    if (sending.audio) pc.addTransceiver(sending.audio, { direction: "sendonly", sendEncodings: [{ maxBitrate: sending.maxAudioBps }] });
    await steady(video.sender);
    await pc.setLocalDescription(await pc.createOffer());
    const answer = await this.#ask("POST", this.#options.endpoint(), "application/sdp", pc.localDescription?.sdp ?? "");
    this.#resource = new URL(answer.headers.get("Location") ?? "", this.#options.endpoint()).href;
    this.#etag = answer.headers.get("ETag") ?? "";
    this.#answer = await answer.text();
    if (this.#pc !== pc) {
      // Stopped meanwhile.
      void this.#delete(this.#resource);
      return;
    }
    await pc.setRemoteDescription({ type: "answer", sdp: this.#answer });
    this.#trickle();
  }

  #found(candidate: Candidate): void {
    this.#candidates.push(candidate);
    if (this.#resource !== "" && !this.#timers.has("candidates")) this.#after("candidates", gatherMs, () => this.#trickle());
  }

  /** Tells the server of the candidates there are. Ours needs none, others may. */
  #trickle(): void {
    const pc = this.#pc;
    if (!pc || this.#candidates.length === 0 || this.#restarting) return;
    const fragment = fragmentOf(pc.localDescription?.sdp ?? "", this.#candidates);
    this.#candidates = [];
    // A refusal costs nothing: the connection itself shows whether it was needed.
    this.#ask("PATCH", this.#resource, "application/trickle-ice-sdpfrag", fragment, this.#etag).catch(() => undefined);
  }

  #changed(pc: RTCPeerConnection): void {
    if (this.#pc !== pc || !this.#sending) return;
    const state = pc.connectionState;
    if (state === "connected") {
      this.#cancel("mend");
      this.#tries = 0;
      this.#turn("live");
    } else if (state === "disconnected") {
      this.#lost();
      this.#after("mend", patienceMs, () => void this.#mend());
    } else if (state === "failed") {
      this.#lost();
      void this.#mend();
    } else if (state === "closed") {
      // The server said goodbye.
      this.#lost();
      this.#again();
    }
  }

  #lost(): void {
    if (this.#state === "live") this.#lostAt = performance.now();
    if (this.#state === "live" || this.#state === "connecting") this.#turn("reconnecting");
  }

  #networkChanged = (): void => {
    if (this.#pc && this.#state !== "connecting") void this.#mend();
  };

  /** Restarts ICE; if that is of no use, begins anew. */
  async #mend(): Promise<void> {
    const pc = this.#pc;
    if (!pc || this.#restarting) return;
    if (pc.connectionState === "closed") return this.#again();
    this.#restarting = true;
    this.#candidates = [];
    try {
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      const fragment = fragmentOf(pc.localDescription?.sdp ?? "", this.#candidates);
      const answer = await this.#ask("PATCH", this.#resource, "application/trickle-ice-sdpfrag", fragment, "*");
      this.#etag = answer.headers.get("ETag") ?? this.#etag;
      this.#answer = withTransport(this.#answer, await answer.text());
      if (this.#pc !== pc) return;
      await pc.setRemoteDescription({ type: "answer", sdp: this.#answer });
      this.#after("mend", restartMs, () => {
        if (this.#pc === pc && pc.connectionState !== "connected") this.#again();
      });
    } catch (cause) {
      this.#restarting = false;
      if (this.#pc !== pc) return;
      const problem = problemFrom(cause);
      // Whom the server sent away on purpose does not come again by themselves.
      if (sentAway(problem)) this.#fail(problem);
      else this.#again();
    } finally {
      this.#restarting = false;
    }
    this.#trickle();
  }

  /** Publishes anew, for as long as the show may be waiting for us. */
  #again(): void {
    if (!this.#sending) return;
    void this.#drop();
    if (this.#lostAt === 0) this.#lostAt = performance.now();
    this.#turn("reconnecting");
    const wait = Math.min(500 * 2 ** this.#tries++, longestWaitMs);
    this.#after("retry", wait, () => {
      this.#connect().catch((cause: unknown) => {
        const problem = problemFrom(cause);
        if (!this.#sending) return;
        if (problem.isPassing && performance.now() - this.#lostAt < retryForMs) {
          this.#again();
          return;
        }
        this.#fail(problem);
      });
    });
  }

  #fail(problem: Problem): void {
    void this.#drop();
    this.#turn("failed", problem);
  }

  #leave = (): void => void this.#drop();

  /** Closes the connection and has the server forget it. */
  #drop(): Promise<void> {
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    const [pc, resource] = [this.#pc, this.#resource];
    this.#pc = null;
    this.#resource = "";
    if (pc) {
      pc.onconnectionstatechange = null;
      pc.onicecandidate = null;
      pc.close();
    }
    return resource === "" ? Promise.resolve() : this.#delete(resource);
  }

  async #delete(resource: string): Promise<void> {
    // It may be gone already. keepalive: also while the page goes away.
    await fetch(resource, { method: "DELETE", keepalive: true, headers: this.#credential() }).catch(() => undefined);
  }

  async #ask(method: "POST" | "PATCH", url: string, type: string, body: string, ifMatch?: string): Promise<Response> {
    const headers = { "Content-Type": type, ...this.#credential(), ...(ifMatch === undefined ? {} : { "If-Match": ifMatch }) };
    const answer = await fetch(url, { method, headers, body });
    if (!answer.ok) throw problemFromAnswer(answer, await answer.json().catch(() => null));
    return answer;
  }

  #credential(): Record<string, string> {
    return { Authorization: `Bearer ${this.#options.token() ?? ""}` };
  }

  #turn(state: WhipState, problem: Problem | null = null): void {
    if (state === this.#state && problem === null) return;
    if (state === "live") this.#lostAt = 0;
    this.#state = state;
    this.#options.onstate(state, problem);
  }

  #after(name: "candidates" | "mend" | "retry", ms: number, run: () => void): void {
    this.#cancel(name);
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        run();
      }, ms),
    );
  }

  #cancel(name: "candidates" | "mend" | "retry"): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** Whether a refusal tells that the server ended this broadcast for a reason, unlike one that it lost or has forgotten. */
function sentAway(problem: Problem): boolean {
  return problem.status >= 400 && problem.status < 500 && problem.status !== 429 && problem.code !== "not_found" && problem.code !== "precondition_failed";
}

/** Offers H.264 first. Where the browser cannot choose, the server does. */
function prefer(transceiver: RTCRtpTransceiver): void {
  const codecs = orderedCodecs(RTCRtpSender.getCapabilities?.("video")?.codecs ?? []);
  if (codecs.length === 0 || !("setCodecPreferences" in transceiver)) return;
  try {
    transceiver.setCodecPreferences(codecs);
  } catch {
    // The browser's own order then.
  }
}

/** Keeps the size of the picture when the network is weak: each other size is a new beginning for every player. */
async function steady(sender: RTCRtpSender): Promise<void> {
  try {
    const parameters: RTCRtpSendParameters & { degradationPreference?: string } = sender.getParameters();
    parameters.degradationPreference = "maintain-resolution";
    await sender.setParameters(parameters);
  } catch {
    // Not every browser can be told.
  }
}
