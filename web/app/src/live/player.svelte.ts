import { CatchUp } from "./catch-up";
import type { Engine, Failure, Figures, MakeEngine, Quality, Start } from "./engine";
import { keepVolume, rememberedVolume } from "./volume";

export type { Quality } from "./engine";

/** What the picture does. */
export type Playback =
  /** Nothing is asked for. */
  | "idle"
  /** The first picture has not come yet. */
  | "starting"
  | "playing"
  | "paused"
  /** It played, and waits for more. */
  | "stalled"
  /** It will not go on by itself: `problem` says why. */
  | "refused";

/** Why the picture will not go on by itself. */
export type PlaybackProblem = "room_full" | "banned" | "too_many_players" | "gone" | "unsupported";

interface PlayerOptions {
  /** `endpoints.hls` of the join answer, asked at each load. */
  url: () => string | undefined;
  /** `endpoints.dvr`, where one can rewind. */
  rewindUrl?: () => string | undefined;
  /** How far back one can go, as a moment in ms since the epoch; null where there is nothing to go back to. */
  rewindFrom?: () => number | null;
  /** Renews the session, and with it the ticket in the URL, after the server did not know it. */
  renew: () => Promise<void>;
}

const lookEveryMs = 200;
/** How far from where it should be is behind, in seconds. */
const behindSeconds = 4;
/** A pause longer than this is one: from then on the picture is behind, if one can rewind. */
const pauseMs = 2_000;
/** After the first picture, and after one stood still, a jump costs nothing for so long. */
const freshMs = 1_500;
/** Who asks for a moment this near to live means live. */
const nearLiveMs = 3_000;
/** How far a moment has to be inside the live playlist to be played from it: the rest is about to leave it. */
const listMarginMs = 2_000;
const firstRetryMs = 500;
const longestRetryMs = 8_000;
/** Failures in a row before the page says so: a broadcast that has just begun has no playlist for a moment. */
const silentRetries = 4;

/** Plays one broadcast into one video element, at its live edge or, where there is one, from its window of the past. */
export class Player {
  playback = $state<Playback>("idle");
  problem = $state<PlaybackProblem | null>(null);
  /** The network or the server is in the way; it is tried again. */
  trouble = $state(false);
  muted = $state(false);
  volume = $state(1);
  /** The browser refused to play with sound, so it plays without. */
  silenced = $state(false);
  /** The browser refused to play at all until there is a click. */
  needsClick = $state(false);
  isBehind = $state(false);
  qualities = $state.raw<readonly Quality[]>([]);
  /** The chosen quality, -1 for the player's own choice. */
  quality = $state(-1);
  /** The quality on the screen, -1 if not known. */
  shownQuality = $state(-1);
  /** When what is on the screen was broadcast, in ms since the epoch; null if not known. */
  position = $state<number | null>(null);
  /** The moment at the live edge, on the same clock. */
  liveAt = $state<number | null>(null);
  /** How far behind the live edge the picture is, in seconds; null if not known. */
  latency = $state<number | null>(null);
  /** How often it stood still. */
  stalls = $state(0);

  #video: HTMLVideoElement | null = null;
  #engine: Engine | null = null;
  #wanted = false;
  /** Plays the window of the past, by a playlist of its own. */
  #rewound = false;
  /** Stays at the live edge; not so after somebody went back. */
  #following = true;
  /** The live edge's clock against this machine's, in ms. */
  #ahead: number | null = null;
  #catchUp = new CatchUp();
  #freshUntil = 0;
  #pausedAt = 0;
  #loading = 0;
  #retries = 0;
  #renewed = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #clock: ReturnType<typeof setInterval> | null = null;
  readonly #options: PlayerOptions;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.volume = rememberedVolume();
  }

  /** How far back one can go, in ms since the epoch; null where one cannot. */
  get rewindFrom(): number | null {
    return this.#options.rewindUrl?.() === undefined ? null : (this.#options.rewindFrom?.() ?? null);
  }

  /** Takes the element it plays in; gives what lets go of it. For Svelte's `{@attach}`. */
  attach = (video: HTMLVideoElement): (() => void) => {
    this.#video = video;
    video.volume = this.volume;
    const events: [keyof HTMLMediaElementEventMap, () => void][] = [
      ["playing", () => this.#played()],
      ["pause", () => this.#paused()],
      ["waiting", () => this.#waits()],
      ["volumechange", () => this.#volumeChanged()],
    ];
    for (const [name, then] of events) video.addEventListener(name, then);
    this.#clock = setInterval(() => this.#look(), lookEveryMs);
    if (this.#wanted) void this.#load("live");
    return () => {
      for (const [name, then] of events) video.removeEventListener(name, then);
      if (this.#clock !== null) clearInterval(this.#clock);
      this.#unload();
      this.#video = null;
    };
  };

  /** Begins to play, and keeps at it until `stop`. */
  start(): void {
    if (this.#wanted && this.playback !== "refused") return;
    this.#wanted = true;
    this.problem = null;
    this.#retries = 0;
    this.#renewed = false;
    this.#catchUp = new CatchUp();
    this.playback = "starting";
    if (this.#video) void this.#load("live");
  }

  stop(): void {
    this.#wanted = false;
    this.#unload();
    this.playback = "idle";
    this.problem = null;
    this.trouble = false;
    this.isBehind = false;
    this.position = this.liveAt = this.latency = this.#ahead = null;
  }

  toggle(): void {
    if (!this.#video) return;
    if (this.#video.paused) this.resume();
    else this.#video.pause();
  }

  /** Goes on after a pause: where it was, if one can rewind; else live. */
  resume(): void {
    const pausedMs = this.#pausedAt === 0 ? 0 : Date.now() - this.#pausedAt;
    if (pausedMs > pauseMs && this.#following) {
      if (this.rewindFrom === null || this.position === null) {
        this.goLive();
        return;
      }
      this.#following = false;
      if (!this.#rewound) this.seekTo(this.position);
    }
    void this.play();
  }

  /** Plays; without sound if the browser allows only that. */
  async play(): Promise<void> {
    const video = this.#video;
    if (!video) return;
    this.needsClick = false;
    try {
      await video.play();
    } catch (cause) {
      if (!(cause instanceof DOMException) || cause.name !== "NotAllowedError") return;
      if (video.muted) {
        this.needsClick = true;
        return;
      }
      video.muted = true;
      this.silenced = true;
      await video.play().catch(() => (this.needsClick = true));
    }
  }

  setMuted(muted: boolean): void {
    if (!this.#video) return;
    this.#video.muted = muted;
    if (!muted && this.#video.volume === 0) this.#video.volume = 0.5;
  }

  setVolume(volume: number): void {
    if (!this.#video) return;
    this.#video.volume = Math.min(1, Math.max(0, volume));
    this.#video.muted = this.#video.volume === 0;
  }

  /** Jumps to what is happening now. */
  goLive(): void {
    const video = this.#video;
    if (!video) return;
    this.#following = true;
    this.#freshUntil = performance.now() + freshMs;
    if (this.#rewound) {
      void this.#load("live");
      return;
    }
    const edge = this.#engine?.edge();
    const { seekable } = video;
    if (edge) video.currentTime += Math.max(0, edge.latency - edge.target);
    else if (seekable.length > 0) video.currentTime = seekable.end(seekable.length - 1);
    void this.play();
  }

  /** Goes to a moment of the broadcast, in ms since the epoch. */
  seekTo(at: number): void {
    const { liveAt } = this;
    const from = this.rewindFrom;
    if (from === null) return;
    if (liveAt !== null && at > liveAt - nearLiveMs) {
      this.goLive();
      return;
    }
    const wanted = Math.max(at, from);
    this.#following = false;
    this.position = wanted;
    const position = this.#engine?.positionOf(wanted) ?? null;
    const listed = (this.#engine?.span()?.from ?? Infinity) + listMarginMs < wanted;
    if (this.#video && position !== null && (this.#rewound || (listed && this.#holds(position)))) {
      this.#video.currentTime = position;
      void this.play();
    } else {
      void this.#load({ at: wanted });
    }
  }

  /** Goes back (below zero) or forward by seconds. */
  seekBy(seconds: number): void {
    if (this.position !== null) this.seekTo(this.position + seconds * 1000);
  }

  choose(quality: number): void {
    this.quality = quality;
    this.#engine?.choose(quality);
  }

  /** Figures for those who want to know; null while nothing plays. */
  figures(): (Figures & { buffer: number; rate: number; dropped: number; target: number | null }) | null {
    const [video, figures] = [this.#video, this.#engine?.figures()];
    if (!video || !figures) return null;
    const edge = this.#engine?.edge();
    return {
      ...figures,
      buffer: bufferedAhead(video, video.currentTime),
      rate: video.playbackRate,
      dropped: video.getVideoPlaybackQuality().droppedVideoFrames,
      target: edge && this.#following ? this.#catchUp.target(edge) : null,
    };
  }

  async #load(start: Start): Promise<void> {
    const round = ++this.#loading;
    const video = this.#video;
    const rewound = start !== "live";
    const url = rewound ? this.#options.rewindUrl?.() : this.#options.url();
    this.#teardown();
    if (!video || url === undefined) return;
    this.#rewound = rewound;
    this.#following = !rewound;
    const events = {
      onready: (qualities: readonly Quality[]) => {
        this.qualities = qualities;
        if (this.quality !== -1) this.#engine?.choose(this.quality);
        void this.play();
      },
      onbuffered: () => {
        this.#retries = 0;
        this.#renewed = false;
        this.trouble = false;
      },
      onfailed: (failure: Failure) => this.#failed(failure),
      onswitched: (index: number) => (this.shownQuality = index),
    };
    const make = await engineMaker(video);
    if (round !== this.#loading || !this.#wanted) return;
    this.#freshUntil = 0;
    if (make === null) this.#refuse("unsupported");
    else this.#engine = make(video, url, start, events);
  }

  #failed(failure: Failure): void {
    if (failure.kind === "unsupported") this.#refuse("unsupported");
    else if (failure.kind === "broken") this.#loadLater();
    else this.#refused(failure.status);
  }

  /** Deals with what the server said to a playlist request. */
  #refused(status: number): void {
    switch (status) {
      case 409:
        this.#refuse("room_full");
        return;
      case 403:
        this.#refuse("banned");
        return;
      case 429:
        this.#refuse("too_many_players");
        return;
      case 401:
      case 404:
        this.#teardown();
        void this.#renewAndLoad();
        return;
      default:
        this.#loadLater();
    }
  }

  /** The ticket is not known (any more): the session's renewal brings the present one. */
  async #renewAndLoad(): Promise<void> {
    if (this.#renewed) {
      this.#refuse("gone");
      return;
    }
    this.#renewed = true;
    await this.#options.renew();
    if (this.#wanted) this.#loadLater();
  }

  /** Tries again after a while, where it was. */
  #loadLater(): void {
    const start: Start = this.#rewound && this.position !== null && this.#retries < silentRetries ? { at: this.position } : "live";
    this.#teardown();
    if (this.#timer !== null) return;
    const delayMs = Math.min(firstRetryMs * 2 ** this.#retries, longestRetryMs);
    this.#retries += 1;
    this.trouble = this.#retries > silentRetries;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#wanted) void this.#load(start);
    }, delayMs);
  }

  #refuse(problem: PlaybackProblem): void {
    this.#unload();
    this.problem = problem;
    this.trouble = false;
    this.playback = "refused";
  }

  #unload(): void {
    this.#loading += 1;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#teardown();
  }

  #teardown(): void {
    this.#engine?.destroy();
    this.#engine = null;
    this.shownQuality = -1;
  }

  #played(): void {
    this.needsClick = false;
    this.#pausedAt = 0;
    if (this.playback !== "playing" && this.playback !== "paused") this.#freshUntil = performance.now() + freshMs;
    this.#become("playing");
    this.#look();
  }

  #paused(): void {
    // Letting go of a source pauses too.
    if (!this.#engine) return;
    if (this.#pausedAt === 0) this.#pausedAt = Date.now();
    this.#become("paused");
  }

  #waits(): void {
    const video = this.#video;
    if (video && !video.seeking && this.playback === "playing") {
      this.stalls += 1;
      this.#catchUp.stalled(performance.now());
    }
    this.#become("stalled");
  }

  #become(playback: Playback): void {
    if (!this.#wanted || this.playback === "refused") return;
    // Before the first picture, waiting is still starting.
    if (this.playback === "starting" && playback !== "playing") return;
    this.playback = playback;
  }

  /** Reads where the picture is, and keeps it near the live edge if that is where it belongs. */
  #look(): void {
    const [video, engine] = [this.#video, this.#engine];
    if (!video || !engine || this.playback === "starting") return;
    const edge = engine.edge();
    const position = engine.dateAt(video.currentTime);
    if (!video.seeking && position !== null) this.position = position;
    if (!this.#rewound) {
      const liveAt = edge && position !== null ? position + edge.latency * 1000 : (engine.span()?.to ?? null);
      this.#ahead = liveAt === null ? null : liveAt - Date.now();
    }
    this.liveAt = this.#ahead === null ? (engine.span()?.to ?? null) : Date.now() + this.#ahead;
    this.latency = this.#rewound || !edge ? (this.liveAt !== null && this.position !== null ? (this.liveAt - this.position) / 1000 : null) : edge.latency;
    const excess = (this.latency ?? 0) - (edge && !this.#rewound ? this.#catchUp.target(edge) : 0);
    this.isBehind = !this.#following || (this.latency !== null && excess > behindSeconds);
    if (edge && this.#following && !video.paused && !video.seeking) this.#keepUp(video, { ...edge, ahead: bufferedAhead(video, video.currentTime) });
    else if (video.playbackRate !== 1) video.playbackRate = 1;
  }

  #keepUp(video: HTMLVideoElement, look: Parameters<CatchUp["step"]>[0]): void {
    const now = performance.now();
    const fresh = now < this.#freshUntil;
    const step = this.#catchUp.step(look, now, fresh);
    if ("skip" in step) {
      video.currentTime += step.skip;
      return;
    }
    if (video.playbackRate !== step.rate) video.playbackRate = step.rate;
  }

  /** Whether the element has this position already. */
  #holds(position: number): boolean {
    return this.#video !== null && bufferedAhead(this.#video, position) > 0;
  }

  #volumeChanged(): void {
    const video = this.#video;
    if (!video) return;
    this.muted = video.muted;
    this.volume = video.volume;
    if (!video.muted) this.silenced = false;
    keepVolume(video.volume);
  }
}

/** Loads what can play here: hls.js by Media Source, or the browser itself; null if nothing can. */
async function engineMaker(video: HTMLVideoElement): Promise<MakeEngine | null> {
  if ("MediaSource" in window || "ManagedMediaSource" in window) {
    const { HlsEngine } = await import("./hls-engine");
    if (HlsEngine.isSupported()) return (...how) => new HlsEngine(...how);
  }
  if (video.canPlayType("application/vnd.apple.mpegurl") === "") return null;
  const { NativeEngine } = await import("./native-engine");
  return (...how) => new NativeEngine(...how);
}

/** How much is buffered from a position on, in seconds, over holes that the browser plays through by itself. */
function bufferedAhead({ buffered }: HTMLVideoElement, position: number): number {
  const hole = 0.1;
  let end = position;
  for (let range = 0; range < buffered.length; range++) {
    if (buffered.start(range) <= end + hole && buffered.end(range) > end) end = buffered.end(range);
  }
  return end - position;
}
