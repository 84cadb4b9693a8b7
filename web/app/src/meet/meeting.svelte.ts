import { SvelteMap } from "svelte/reactivity";
import { SignalingError } from "$lib/signaling/client";
import type { ICEServer, Participant, Slot, Source, Tile } from "$lib/signaling/protocol.gen";
import type { Room } from "../room/room.svelte";
import { problemOf, type DeviceKind, type Devices } from "./devices.svelte";
import { screenShape } from "./encodings";
import { keepOrder, promoteSpeakers } from "./layout";
import { Peer } from "./peer";

/** What the meeting tells the page once, to be shown in passing. */
export type MeetingNews = "muted_by_moderator" | "joined_muted" | "microphone_lost" | "camera_lost" | "screen_failed" | "publish_refused";

const audioSlots = 3;
const viewDelayMs = 80;
const sourceOf: Record<DeviceKind, Source> = { microphone: "microphone", camera: "camera" };

/**
 * The media of a meeting: what is sent, what is shown and heard, and who speaks. Stands on a Room, which knows who is there.
 * Microphone and camera are on or off in `devices`; this makes the server and the others know.
 */
export class Meeting {
  /** Media flows. */
  connected = $state(false);
  /** What the video slots show: by `participant/source`. */
  readonly videos = new SvelteMap<string, MediaStream>();
  /** What the audio slots play. */
  voices = $state.raw<readonly MediaStream[]>([]);
  /** How loud those are who speak now: 1 to 100, by participant. */
  readonly speaking = new SvelteMap<string, number>();
  /** The others, in the order of their tiles. */
  order = $state.raw<readonly string[]>([]);
  /** One's own screen while it is shared. */
  screen = $state.raw<MediaStream | null>(null);
  /** Whom one looks at, large; null for all. */
  pinned = $state<string | null>(null);
  onnews: ((news: MeetingNews) => void) | null = null;

  readonly room: Room;
  readonly devices: Devices;
  /** How many videos can be seen at once. */
  readonly videoSlots: number;
  #peer: Peer | null = null;
  #tiles: readonly Tile[] = [];
  #viewTimer: ReturnType<typeof setTimeout> | null = null;
  #spoke = new Map<string, number>();
  #clock = 0;
  /** How many tiles are on the first page: who speaks is brought there. */
  #capacity = 1;
  /** Mutes under way: what the server says of such a source is already out of date. */
  #muting = new Map<Source, number>();
  #rebuilds = 0;
  #stops: (() => void)[] = [];

  constructor(room: Room, devices: Devices, videoSlots: number) {
    this.room = room;
    this.devices = devices;
    this.videoSlots = videoSlots;
    const { client } = room;
    client.mayResume = () => this.#peer?.stands ?? false;
    this.#stops = [
      client.on("welcome", (welcome) => {
        this.#reorder();
        if (welcome.resumed && this.#peer) void this.#resumed();
        else void this.#connect(welcome.ice_servers);
      }),
      client.on("slots", ({ slots }) => this.#fill(slots)),
      client.on("speaking", ({ speakers }) => this.#heard(speakers)),
      client.on("joined", () => this.#reorder()),
      client.on("left", ({ participant }) => {
        if (this.pinned === participant) this.pinned = null;
        this.#reorder();
      }),
      client.on("updated", ({ participant }) => {
        if (participant.id === room.you?.id) this.#adopt(participant);
      }),
      client.on("muted", () => this.onnews?.("muted_by_moderator")),
      client.on("media_lost", () => {
        if (this.#peer?.answered) this.#rebuild();
      }),
    ];
    devices.ontrack = (kind, track) => void this.#captured(kind, track);
    devices.onlost = (kind) => this.onnews?.(kind === "camera" ? "camera_lost" : "microphone_lost");
  }

  /** Whether the others can hear one now. */
  get isHeard(): boolean {
    return this.devices.microphoneOn && this.devices.microphone !== null && this.room.permissions.audio;
  }

  /** Whether the others can see one now. */
  get isSeen(): boolean {
    return this.devices.camera !== null && this.room.permissions.video;
  }

  /** Turns the microphone on or off; gives false if it cannot be. */
  async setMicrophone(on: boolean): Promise<boolean> {
    if (!(await this.devices.setMicrophone(on))) return false;
    await this.#tellMuted("microphone", !on);
    return true;
  }

  async setCamera(on: boolean): Promise<boolean> {
    if (!on) await this.#tellMuted("camera", true);
    if (!(await this.devices.setCamera(on))) return false;
    if (on) await this.#tellMuted("camera", false);
    return true;
  }

  /** Asks which screen to share, and shares it. */
  async shareScreen(): Promise<void> {
    if (this.screen || !this.#peer) return;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(screenShape);
    } catch (cause) {
      // Closing the browser's question is a choice, not a fault.
      if (problemOf(cause) !== "denied") this.onnews?.("screen_failed");
      return;
    }
    const [video] = stream.getVideoTracks();
    if (!video) return;
    video.contentHint = "detail";
    video.onended = () => void this.stopScreen();
    this.screen = stream;
    await this.#publishScreen();
  }

  async stopScreen(): Promise<void> {
    const stream = this.screen;
    if (!stream) return;
    this.screen = null;
    for (const track of stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    await this.#peer?.unpublish("screen");
    await this.#peer?.unpublish("screen_audio");
  }

  /** Says which videos are on screen and how large, the most wanted first. */
  look(tiles: readonly Tile[], capacity: number): void {
    this.#capacity = capacity;
    if (JSON.stringify(tiles) === JSON.stringify(this.#tiles)) return;
    this.#tiles = tiles;
    this.#viewTimer ??= setTimeout(() => {
      this.#viewTimer = null;
      this.#sendView();
    }, viewDelayMs);
  }

  videoOf(participant: string, source: Source): MediaStream | null {
    return this.videos.get(`${participant}/${source}`) ?? null;
  }

  /** The network changed: find another way through it. */
  networkChanged = (): void => this.#peer?.restartIce();

  /** Releases the connection, the devices and the screen. */
  close(): void {
    for (const stop of this.#stops) stop();
    if (this.#viewTimer !== null) clearTimeout(this.#viewTimer);
    this.devices.ontrack = null;
    this.devices.onlost = null;
    this.#dropPeer();
    for (const track of this.screen?.getTracks() ?? []) track.stop();
    this.screen = null;
    this.devices.close();
  }

  async #connect(iceServers: ICEServer[]): Promise<void> {
    this.#dropPeer();
    const { client, info } = this.room;
    const peer = new Peer({
      iceServers,
      videoCodec: typeof info.features["video_codec"] === "string" ? info.features["video_codec"] : "vp8",
      audioSlots,
      videoSlots: this.videoSlots,
      offer: async (sdp, tracks) => (await client.request({ type: "offer", sdp, tracks })).sdp,
      onconnected: (connected) => {
        this.connected = connected;
        if (connected) this.#rebuilds = 0;
      },
      onlost: () => this.#rebuild(),
      onrefused: (cause) => this.#refused(cause),
    });
    this.#peer = peer;
    this.voices = peer.audio;
    // First what is off, so that not one packet of it is forwarded, then the offer that publishes.
    const off = (["microphone", "camera"] as const).filter((kind) => !(kind === "microphone" ? this.devices.microphoneOn : this.devices.cameraOn));
    if (off.length > 0) client.send({ type: "mute", sources: off, muted: true });
    await peer.prepare(this.#permittedTracks());
    await peer.negotiate();
    this.#sendView();
  }

  /** What may be sent now. */
  #permittedTracks(): Map<Source, MediaStreamTrack> {
    const { permissions } = this.room;
    const tracks = new Map<Source, MediaStreamTrack>();
    const { microphone, camera } = this.devices;
    if (microphone && permissions.audio) tracks.set("microphone", microphone);
    if (camera && permissions.video) tracks.set("camera", camera);
    const [screen] = this.screen?.getVideoTracks() ?? [];
    const [sound] = this.screen?.getAudioTracks() ?? [];
    if (screen && permissions.screen) tracks.set("screen", screen);
    if (sound && permissions.screen) tracks.set("screen_audio", sound);
    return tracks;
  }

  /** The socket came back and the media went on meanwhile: say again what may have been lost. */
  async #resumed(): Promise<void> {
    for (const kind of ["microphone", "camera"] as const) {
      const on = kind === "microphone" ? this.isHeard : this.isSeen;
      if (this.#peer?.isPublished(sourceOf[kind])) await this.#tellMuted(sourceOf[kind], !on);
    }
    await this.#peer?.negotiate();
    this.#sendView();
  }

  async #captured(kind: DeviceKind, track: MediaStreamTrack | null): Promise<void> {
    const allowed = kind === "camera" ? this.room.permissions.video : this.room.permissions.audio;
    if (track && !allowed) return;
    await this.#peer?.publish(sourceOf[kind], track);
  }

  async #publishScreen(): Promise<void> {
    const tracks = this.#permittedTracks();
    // A moderator may have muted an earlier share.
    await this.room.client.request({ type: "mute", sources: ["screen", "screen_audio"], muted: false }).catch(() => undefined);
    await this.#peer?.publish("screen", tracks.get("screen") ?? null);
    const sound = tracks.get("screen_audio");
    if (sound) await this.#peer?.publish("screen_audio", sound);
  }

  async #tellMuted(source: Source, muted: boolean): Promise<void> {
    this.#muting.set(source, (this.#muting.get(source) ?? 0) + 1);
    let refused = false;
    try {
      await this.room.client.request({ type: "mute", sources: [source], muted });
    } catch (cause) {
      refused = cause instanceof SignalingError && (cause.code === "forbidden" || cause.code === "limit_exceeded");
    } finally {
      this.#muting.set(source, (this.#muting.get(source) ?? 1) - 1);
    }
    if (!refused) return;
    this.onnews?.("publish_refused");
    if (this.room.you) this.#adopt(this.room.you);
  }

  /** Takes over what the server says of one's own tracks: a moderator, the room's rules or its permissions muted them. */
  #adopt(you: Participant): void {
    const isMuted = (source: Source) => !this.#muting.get(source) && you.tracks.some((track) => track.source === source && track.muted);
    if (isMuted("microphone") && this.devices.microphoneOn) {
      this.#tellOnce();
      void this.devices.setMicrophone(false);
    }
    if (isMuted("camera") && this.devices.camera) {
      this.#tellOnce();
      void this.devices.setCamera(false);
    }
    if (isMuted("screen") && this.screen) void this.stopScreen();
  }

  #toldOfJoiningMuted = false;

  #tellOnce(): void {
    if (this.#toldOfJoiningMuted || this.room.info.features["mute_on_join"] !== true || this.room.you?.role === "moderator") return;
    this.#toldOfJoiningMuted = true;
    this.onnews?.("joined_muted");
  }

  #fill(slots: readonly Slot[]): void {
    const streams = slots.map((slot) => ({ slot, stream: this.#peer?.streamOf(slot) ?? null }));
    const changed = new Set(streams.map(({ stream }) => stream));
    for (const [key, stream] of this.videos) if (changed.has(stream)) this.videos.delete(key);
    for (const { slot, stream } of streams) {
      if (!stream || slot.participant === null || slot.source === null || stream.getVideoTracks().length === 0) continue;
      this.videos.set(`${slot.participant}/${slot.source}`, stream);
    }
  }

  #heard(speakers: readonly { participant: string; level: number }[]): void {
    this.speaking.clear();
    this.#clock += 1;
    for (const { participant, level } of speakers) {
      this.speaking.set(participant, level);
      this.#spoke.set(participant, this.#clock);
    }
    this.order = promoteSpeakers(this.order, this.#capacity, speakers.map(({ participant }) => participant), (id) => this.#spoke.get(id) ?? 0);
  }

  #reorder(): void {
    this.order = keepOrder(this.order, [...this.room.others.keys()]);
    for (const id of this.#spoke.keys()) if (!this.room.others.has(id)) this.#spoke.delete(id);
  }

  #sendView(): void {
    if (this.#peer) this.room.client.send({ type: "view", tiles: [...this.#tiles] });
  }

  #refused(cause: unknown): void {
    // A socket that broke meanwhile brings a welcome, and with it the next offer.
    if (cause instanceof SignalingError && cause.code === "disconnected") return;
    if (cause instanceof SignalingError && cause.code === "forbidden") this.onnews?.("publish_refused");
    else if (cause instanceof SignalingError && cause.code === "rate_limited") this.#offerAgain(cause.retryAfterMs ?? 1_000);
    else this.#rebuild();
  }

  #offerAgain(delayMs: number): void {
    const peer = this.#peer;
    setTimeout(() => void peer?.negotiate(), delayMs);
  }

  /** A new PeerConnection in place of one that is lost; less and less often if that does not help. */
  #rebuild(): void {
    this.connected = false;
    const peer = this.#peer;
    const delayMs = Math.min(500 * 2 ** this.#rebuilds, 15_000);
    this.#rebuilds += 1;
    setTimeout(() => {
      if (this.#peer === peer && peer && this.room.link === "open") void this.#connect(this.room.iceServers);
    }, delayMs);
  }

  #dropPeer(): void {
    this.#peer?.close();
    this.#peer = null;
    this.connected = false;
    this.videos.clear();
    this.voices = [];
    this.speaking.clear();
  }
}
