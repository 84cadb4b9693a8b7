import type { Problem } from "$lib/api";
import { Devices, problemOf, type DeviceProblem } from "../meet/devices.svelte";
import { healthOf, readingOf, type Health, type Reading } from "./health";
import { Sound } from "./sound";
import { steady } from "./steady";
import { WhipClient, type WhipState } from "./whip-client";

export type Source = "camera" | "screen";
export type Quality = "480p" | "720p" | "1080p";

interface Shape {
  width: number;
  height: number;
  framesPerSecond: number;
  videoBps: number;
}

/** What is captured and sent. A screen of the same height has more to read and less that moves. */
export const qualities: Record<Quality, Shape> = {
  "480p": { width: 854, height: 480, framesPerSecond: 30, videoBps: 1_200_000 },
  "720p": { width: 1280, height: 720, framesPerSecond: 30, videoBps: 2_800_000 },
  "1080p": { width: 1920, height: 1080, framesPerSecond: 30, videoBps: 5_000_000 },
};

const audioBps = 128_000;
const readEveryMs = 2_000;
const key = "roomcast.studio";

export interface StudioOptions {
  endpoint: () => string;
  token: () => string | null;
}

/** Going live from the browser: what is captured, what is sent, and how it fares. It knows no markup. */
export class Studio {
  quality = $state<Quality>(remembered());
  source = $state<Source>("camera");
  readonly devices: Devices;
  screen = $state.raw<MediaStream | null>(null);
  screenProblem = $state<DeviceProblem | null>(null);
  state = $state<WhipState>("idle");
  /** Going live was asked for, and the server has not been yet. */
  starting = $state(false);
  problem = $state.raw<Problem | null>(null);
  health = $state.raw<Health | null>(null);
  /** The camera shows nothing. */
  dark = $state(false);
  /** When it went live, by the browser's clock. */
  since = $state<number | null>(null);
  /** The picture that is or will be sent. */
  readonly picture = $derived.by(() => (this.source === "screen" ? (this.screen?.getVideoTracks()[0] ?? null) : this.devices.camera));
  readonly sending = $derived.by(() => this.state !== "idle" && this.state !== "failed");
  readonly #client: WhipClient;
  readonly #sound = new Sound();
  /** What the browser captures of the screen; `screen` is what is made of it. */
  #captured: MediaStream | null = null;
  #reading: Reading | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(options: StudioOptions) {
    this.devices = new Devices(shapeOf(this.quality));
    this.devices.ontrack = (kind, track) => {
      if (kind === "microphone") this.#hear("microphone", track);
      if (kind === "camera" && track) track.enabled = !this.dark;
      if (kind === "camera" && this.source === "camera") void this.#client.replace("video", track);
    };
    this.#client = new WhipClient({ ...options, onstate: (state, problem) => this.#turned(state, problem) });
  }

  /** Opens camera and microphone for the preview. */
  async prepare(): Promise<void> {
    await this.devices.open({ camera: true, microphone: true });
  }

  async chooseQuality(quality: Quality): Promise<void> {
    this.quality = quality;
    try {
      localStorage.setItem(key, quality);
    } catch {
      // It then lasts as long as the page.
    }
    await this.devices.reshape(shapeOf(quality));
  }

  /** Shows the camera, or asks which screen to show. On air the picture changes, the broadcast goes on. */
  async choose(source: Source): Promise<void> {
    if (source === "screen" && !(await this.#openScreen())) return;
    this.source = source;
    if (source === "camera") {
      await this.devices.setCamera(true);
      this.#closeScreen();
    }
    if (this.picture) await this.#client.replace("video", this.picture);
  }

  /** Turns the camera on or off. On air it stays open and sends black, so that the picture does not end. */
  async setCamera(on: boolean): Promise<void> {
    this.dark = !on;
    if (this.sending && this.devices.camera) this.devices.camera.enabled = on;
    else await this.devices.setCamera(on);
  }

  async goLive(): Promise<void> {
    if (!this.picture || this.starting) return;
    this.starting = true;
    this.problem = null;
    const screenSound = this.screen?.getAudioTracks()[0] ?? null;
    const audio = (await this.#sound.open()) ?? this.devices.microphone ?? screenSound;
    this.#sound.put("microphone", this.devices.microphone);
    this.#sound.put("screen", screenSound);
    const [video, shape] = [this.picture, qualities[this.quality]];
    try {
      // The camera may have gone meanwhile.
      if (video) await this.#client.start({ video, audio, maxVideoBps: shape.videoBps, maxAudioBps: audioBps, maxFramesPerSecond: shape.framesPerSecond });
      this.#timer ??= setInterval(() => void this.#read(), readEveryMs);
    } catch (cause) {
      this.problem = cause as Problem;
    } finally {
      this.starting = false;
    }
  }

  async end(): Promise<void> {
    await this.#client.stop();
    this.#stopReading();
  }

  /** Releases everything; what is on air ends. */
  async close(): Promise<void> {
    this.#closeScreen();
    this.devices.close();
    this.#stopReading();
    await this.#client.stop();
    this.#sound.close();
  }

  #turned(state: WhipState, problem: Problem | null): void {
    this.state = state;
    if (problem) this.problem = problem;
    if (state === "live") this.since ??= Date.now();
    if (state === "idle" || state === "failed") {
      this.since = null;
      this.#stopReading();
    }
  }

  async #openScreen(): Promise<boolean> {
    const shape = qualities[this.quality];
    this.screenProblem = null;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { width: { max: shape.width }, height: { max: shape.height }, frameRate: { max: shape.framesPerSecond } }, audio: true });
    } catch (cause) {
      // Closing the browser's question is a choice, not a fault.
      const problem = problemOf(cause);
      if (problem !== "denied") this.screenProblem = problem;
      return false;
    }
    this.#closeScreen();
    const [video] = stream.getVideoTracks();
    if (!video) return false;
    video.onended = () => void this.#screenEnded(stream);
    const picture = steady(video);
    picture.contentHint = "detail";
    this.#captured = stream;
    this.screen = new MediaStream([picture, ...stream.getAudioTracks()]);
    this.#hear("screen", stream.getAudioTracks()[0] ?? null);
    return true;
  }

  /** Mixes a sound in; where nothing can be mixed, the microphone is sent alone. */
  #hear(source: "microphone" | "screen", track: MediaStreamTrack | null): void {
    if (this.#sound.runs) this.#sound.put(source, track);
    else if (source === "microphone") void this.#client.replace("audio", track);
  }

  /** The browser's own button: the camera takes over, so that the broadcast does not end by it. */
  async #screenEnded(stream: MediaStream): Promise<void> {
    if (this.#captured === stream) await this.choose("camera");
  }

  #closeScreen(): void {
    this.#hear("screen", null);
    for (const track of [...(this.#captured?.getTracks() ?? []), ...(this.screen?.getTracks() ?? [])]) {
      track.onended = null;
      track.stop();
    }
    this.#captured = this.screen = null;
  }

  async #read(): Promise<void> {
    const report = await this.#client.stats();
    if (!report) return;
    const now = readingOf(report.values() as Iterable<Record<string, unknown> & { type: string }>, performance.now());
    const before = this.#reading;
    this.#reading = now;
    // Another connection counts anew.
    if (!before || now.bytes < before.bytes) return;
    const sound = (this.devices.microphone !== null && this.devices.microphoneOn) || (this.screen?.getAudioTracks().length ?? 0) > 0;
    this.health = healthOf(before, now, { framesPerSecond: qualities[this.quality].framesPerSecond, screen: this.source === "screen", sound });
  }

  #stopReading(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#reading = null;
    this.health = null;
  }
}

function shapeOf(quality: Quality): MediaTrackConstraints {
  const { width, height, framesPerSecond } = qualities[quality];
  return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: framesPerSecond, max: framesPerSecond } };
}

function remembered(): Quality {
  try {
    const kept = localStorage.getItem(key);
    return kept !== null && kept in qualities ? (kept as Quality) : "720p";
  } catch {
    return "720p";
  }
}
