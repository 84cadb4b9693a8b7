import { Meter } from "./meter.svelte";

/** Why a device cannot be used. */
export type DeviceProblem = "denied" | "missing" | "busy" | "insecure" | "unplugged";

/** The two kinds of device that are captured. */
export type DeviceKind = "microphone" | "camera";

interface Remembered {
  cameraId?: string;
  microphoneId?: string;
  speakerId?: string;
  cameraOn?: boolean;
  microphoneOn?: boolean;
}

const key = "roomcast.devices";

/** The picture that is captured; one encoding is sent of it (meet/encodings.ts). */
const cameraShape: MediaTrackConstraints = { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 30, max: 30 } };
const microphoneShape: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Cameras, microphones and speakers: which there are, which are chosen, and what they capture. Choices are remembered in this browser. */
export class Devices {
  cameras = $state.raw<readonly MediaDeviceInfo[]>([]);
  microphones = $state.raw<readonly MediaDeviceInfo[]>([]);
  /** Empty where the browser cannot choose. */
  speakers = $state.raw<readonly MediaDeviceInfo[]>([]);
  cameraId = $state("");
  microphoneId = $state("");
  speakerId = $state("");
  cameraOn = $state(true);
  microphoneOn = $state(true);
  camera = $state.raw<MediaStreamTrack | null>(null);
  microphone = $state.raw<MediaStreamTrack | null>(null);
  problems = $state<Record<DeviceKind, DeviceProblem | null>>({ camera: null, microphone: null });
  /** The browser is asking for permission, or the device is starting. */
  asking = $state(false);
  readonly meter = new Meter();
  /** Called when a device was unplugged, after another one was tried. */
  onlost: ((kind: DeviceKind) => void) | null = null;
  /** Called with each newly captured track, so that it replaces the one that is sent. */
  ontrack: ((kind: DeviceKind, track: MediaStreamTrack | null) => void) | null = null;

  #cameraShape: MediaTrackConstraints;

  /** `shape` is what is asked of a camera; a meeting's unless given. */
  constructor(shape: MediaTrackConstraints = cameraShape) {
    this.#cameraShape = shape;
    const kept = remembered();
    this.cameraId = kept.cameraId ?? "";
    this.microphoneId = kept.microphoneId ?? "";
    this.speakerId = kept.speakerId ?? "";
    this.cameraOn = kept.cameraOn ?? true;
    this.microphoneOn = kept.microphoneOn ?? true;
    navigator.mediaDevices?.addEventListener("devicechange", this.#listed);
  }

  /** Opens what is wanted, asking for both in one question where both are. */
  async open(wanted: Record<DeviceKind, boolean>): Promise<void> {
    const camera = wanted.camera && this.cameraOn && this.camera === null;
    const microphone = wanted.microphone && this.microphone === null;
    if (camera && microphone && (await this.#capture({ video: this.#cameraWish(), audio: this.#microphoneWish() }, ["camera", "microphone"]))) return;
    // One of them may be missing or denied alone.
    if (microphone) await this.openMicrophone();
    if (camera) await this.openCamera();
  }

  async openCamera(): Promise<boolean> {
    return this.camera !== null || (await this.#capture({ video: this.#cameraWish() }, ["camera"]));
  }

  async openMicrophone(): Promise<boolean> {
    return this.microphone !== null || (await this.#capture({ audio: this.#microphoneWish() }, ["microphone"]));
  }

  /** Turns the camera on or off; off releases it, so that its light goes out. */
  async setCamera(on: boolean): Promise<boolean> {
    this.cameraOn = on;
    this.#remember();
    if (on) return await this.openCamera();
    this.#drop("camera");
    return true;
  }

  /** Turns the microphone on or off; off keeps the device, so that on is immediate. */
  async setMicrophone(on: boolean): Promise<boolean> {
    this.microphoneOn = on;
    this.#remember();
    if (on && !(await this.openMicrophone())) return false;
    if (this.microphone) this.microphone.enabled = this.microphoneOn;
    return true;
  }

  async chooseCamera(id: string): Promise<void> {
    this.cameraId = id;
    this.#remember();
    if (this.camera === null) return;
    this.#drop("camera");
    await this.openCamera();
  }

  async chooseMicrophone(id: string): Promise<void> {
    this.microphoneId = id;
    this.#remember();
    if (this.microphone === null) return;
    this.#drop("microphone");
    await this.openMicrophone();
  }

  /** Asks another picture of the camera, also of one that runs. */
  async reshape(shape: MediaTrackConstraints): Promise<void> {
    this.#cameraShape = shape;
    if (this.camera === null) return;
    this.#drop("camera");
    await this.openCamera();
  }

  chooseSpeaker(id: string): void {
    this.speakerId = id;
    this.#remember();
  }

  /** Releases every device. */
  close(): void {
    navigator.mediaDevices?.removeEventListener("devicechange", this.#listed);
    this.#drop("camera");
    this.#drop("microphone");
    this.meter.close();
  }

  #cameraWish(): MediaTrackConstraints {
    const shape = this.#cameraShape;
    return this.cameraId === "" ? shape : { ...shape, deviceId: { ideal: this.cameraId } };
  }

  #microphoneWish(): MediaTrackConstraints {
    return this.microphoneId === "" ? microphoneShape : { ...microphoneShape, deviceId: { ideal: this.microphoneId } };
  }

  async #capture(constraints: MediaStreamConstraints, kinds: readonly DeviceKind[]): Promise<boolean> {
    if (!navigator.mediaDevices?.getUserMedia) {
      for (const kind of kinds) this.problems[kind] = "insecure";
      return false;
    }
    this.asking = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      for (const track of stream.getTracks()) this.#take(track.kind === "video" ? "camera" : "microphone", track);
      await this.#list();
      return true;
    } catch (cause) {
      // Asking for both fails when one is missing: only a single question says which.
      if (kinds.length === 1) for (const kind of kinds) this.problems[kind] = problemOf(cause);
      return false;
    } finally {
      this.asking = false;
    }
  }

  #take(kind: DeviceKind, track: MediaStreamTrack): void {
    this.#drop(kind);
    if (kind === "camera" && !this.cameraOn) {
      // Turned off while the device was starting.
      track.stop();
      return;
    }
    this.problems[kind] = null;
    track.onended = () => void this.#lost(kind, track);
    const used = track.getSettings().deviceId;
    if (kind === "camera") {
      track.contentHint = "motion";
      this.camera = track;
      if (used) this.cameraId = used;
    } else {
      track.contentHint = "speech";
      track.enabled = this.microphoneOn;
      this.microphone = track;
      if (used) this.microphoneId = used;
      this.meter.listen(track);
    }
    this.ontrack?.(kind, track);
  }

  #drop(kind: DeviceKind): void {
    const track = this[kind];
    if (!track) return;
    track.onended = null;
    track.stop();
    this[kind] = null;
    if (kind === "microphone") this.meter.listen(null);
    this.ontrack?.(kind, null);
  }

  async #lost(kind: DeviceKind, track: MediaStreamTrack): Promise<void> {
    if (this[kind] !== track) return;
    this.#drop(kind);
    const again = kind === "camera" ? await this.openCamera() : await this.openMicrophone();
    if (!again) this.problems[kind] = "unplugged";
    this.onlost?.(kind);
  }

  #listed = (): void => void this.#list();

  async #list(): Promise<void> {
    try {
      const all = await navigator.mediaDevices.enumerateDevices();
      const named = (kind: MediaDeviceKind) => all.filter((one) => one.kind === kind && one.deviceId !== "");
      this.cameras = named("videoinput");
      this.microphones = named("audioinput");
      this.speakers = "setSinkId" in HTMLMediaElement.prototype ? named("audiooutput") : [];
    } catch {
      // Without a list the pickers stay away.
    }
  }

  #remember(): void {
    try {
      const { cameraId, microphoneId, speakerId, cameraOn, microphoneOn } = this;
      localStorage.setItem(key, JSON.stringify({ cameraId, microphoneId, speakerId, cameraOn, microphoneOn } satisfies Remembered));
    } catch {
      // Storage is blocked: the choice then lasts as long as the page.
    }
  }
}

function remembered(): Remembered {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    if (typeof kept !== "object" || kept === null) return {};
    const { cameraId, microphoneId, speakerId, cameraOn, microphoneOn } = kept as Record<string, unknown>;
    const text = (value: unknown) => (typeof value === "string" ? value : "");
    return { cameraId: text(cameraId), microphoneId: text(microphoneId), speakerId: text(speakerId), cameraOn: cameraOn !== false, microphoneOn: microphoneOn !== false };
  } catch {
    return {};
  }
}

/** What getUserMedia's refusal means for the person in front of the page. */
export function problemOf(cause: unknown): DeviceProblem {
  const name = cause instanceof Error ? cause.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  return "busy";
}
