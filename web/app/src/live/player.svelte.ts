import type Hls from "hls.js/light";
import type { ErrorData, Level } from "hls.js/light";

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

export interface Quality {
  /** The index of hls.js's level. */
  index: number;
  height: number;
}

interface PlayerOptions {
  /** `endpoints.hls` of the join answer, asked at each load. */
  url: () => string | undefined;
  /** Renews the session, and with it the ticket in the URL, after the server did not know it. */
  renew: () => Promise<void>;
}

const volumeKey = "roomcast.volume";
/** How far from the live edge is behind, in seconds. */
const behindSeconds = 8;
const firstRetryMs = 1_000;
const longestRetryMs = 8_000;

/** Plays one broadcast into one video element: by hls.js where the browser has Media Source, by the browser itself where not. */
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
  /** The chosen level, -1 for the player's own choice. */
  quality = $state(-1);

  #video: HTMLVideoElement | null = null;
  #hls: Hls | null = null;
  #wanted = false;
  #loading = 0;
  #retries = 0;
  #renewed = false;
  #recoveries = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #clock: ReturnType<typeof setInterval> | null = null;
  readonly #options: PlayerOptions;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.volume = rememberedVolume();
  }

  /** Takes the element it plays in; gives what lets go of it. For Svelte's `{@attach}`. */
  attach = (video: HTMLVideoElement): (() => void) => {
    this.#video = video;
    video.volume = this.volume;
    const events: [keyof HTMLMediaElementEventMap, () => void][] = [
      ["playing", () => this.#played()],
      ["pause", () => this.#become("paused")],
      ["waiting", () => this.#become("stalled")],
      ["timeupdate", () => this.#measure()],
      ["volumechange", () => this.#volumeChanged()],
      ["error", () => this.#nativeFailed()],
    ];
    for (const [name, then] of events) video.addEventListener(name, then);
    this.#clock = setInterval(() => this.#measure(), 1000);
    if (this.#wanted) void this.#load();
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
    this.playback = "starting";
    if (this.#video) void this.#load();
  }

  stop(): void {
    this.#wanted = false;
    this.#unload();
    this.playback = "idle";
    this.problem = null;
    this.trouble = false;
    this.isBehind = false;
  }

  toggle(): void {
    if (!this.#video) return;
    if (this.#video.paused) void this.play();
    else this.#video.pause();
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
    const edge = this.#edge();
    if (this.#video && edge !== null) this.#video.currentTime = edge;
    void this.play();
  }

  choose(quality: number): void {
    this.quality = quality;
    if (this.#hls) this.#hls.nextLevel = quality;
  }

  async #load(): Promise<void> {
    const round = ++this.#loading;
    const video = this.#video;
    const url = this.#options.url();
    this.#teardown();
    if (!video || url === undefined) return;
    const { default: HlsLight } = await import("hls.js/light");
    if (round !== this.#loading || !this.#wanted) return;
    if (HlsLight.isSupported()) {
      this.#loadBy(HlsLight, video, url);
    } else if (video.canPlayType("application/vnd.apple.mpegurl") !== "") {
      video.src = url;
      void this.play();
    } else {
      this.#refuse("unsupported");
    }
  }

  #loadBy(HlsLight: typeof Hls, video: HTMLVideoElement, url: string): void {
    const hls = new HlsLight({ lowLatencyMode: true, backBufferLength: 30, maxLiveSyncPlaybackRate: 1.05, liveDurationInfinity: true });
    this.#hls = hls;
    hls.on(HlsLight.Events.MANIFEST_PARSED, (_event, { levels }) => {
      this.qualities = qualitiesOf(levels);
      void this.play();
    });
    hls.on(HlsLight.Events.FRAG_BUFFERED, () => {
      this.#retries = 0;
      this.#renewed = false;
      this.trouble = false;
    });
    hls.on(HlsLight.Events.ERROR, (_event, data) => this.#failed(HlsLight, data));
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  #failed(HlsLight: typeof Hls, data: ErrorData): void {
    const status = data.response?.code ?? 0;
    const ofPlaylist = data.details === HlsLight.ErrorDetails.MANIFEST_LOAD_ERROR || data.details === HlsLight.ErrorDetails.LEVEL_LOAD_ERROR;
    if (ofPlaylist && this.#answered(status)) return;
    if (!data.fatal) return;
    if (data.type === HlsLight.ErrorTypes.MEDIA_ERROR && this.#recoveries < 2) {
      this.#recoveries += 1;
      this.#hls?.recoverMediaError();
      return;
    }
    if (data.details === HlsLight.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) this.#refuse("unsupported");
    else this.#loadLater();
  }

  /** Deals with what the server said to a playlist request; gives whether that was all there is to do. */
  #answered(status: number): boolean {
    switch (status) {
      case 409:
        this.#refuse("room_full");
        return true;
      case 403:
        this.#refuse("banned");
        return true;
      case 429:
        this.#refuse("too_many_players");
        return true;
      case 401:
      case 404:
        this.#teardown();
        void this.#renewAndLoad();
        return true;
      default:
        return false;
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

  #nativeFailed(): void {
    if (!this.#hls && this.#wanted && this.#video?.src) this.#loadLater();
  }

  #loadLater(): void {
    this.#teardown();
    if (this.#timer !== null) return;
    const delayMs = Math.min(firstRetryMs * 2 ** this.#retries, longestRetryMs);
    this.#retries += 1;
    // A broadcast that has just begun has no playlist for a moment: that is no trouble yet.
    this.trouble = this.#retries > 3;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#wanted) void this.#load();
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
    this.#hls?.destroy();
    this.#hls = null;
    if (this.#video?.src) {
      this.#video.removeAttribute("src");
      this.#video.load();
    }
  }

  #played(): void {
    this.#recoveries = 0;
    this.needsClick = false;
    this.#become("playing");
  }

  #become(playback: Playback): void {
    if (!this.#wanted || this.playback === "refused") return;
    // Before the first picture, waiting is still starting.
    if (this.playback === "starting" && playback !== "playing") return;
    this.playback = playback;
  }

  #measure(): void {
    const edge = this.#edge();
    if (!this.#video || edge === null) return;
    this.isBehind = edge - this.#video.currentTime > behindSeconds;
  }

  /** Where live is on the element's timeline. */
  #edge(): number | null {
    const position = this.#hls?.liveSyncPosition;
    if (position != null) return position;
    const seekable = this.#video?.seekable;
    return seekable && seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
  }

  #volumeChanged(): void {
    const video = this.#video;
    if (!video) return;
    this.muted = video.muted;
    this.volume = video.volume;
    if (!video.muted) this.silenced = false;
    try {
      localStorage.setItem(volumeKey, String(video.volume));
    } catch {
      // Storage is blocked: the volume then lasts as long as the page.
    }
  }
}

/** The qualities to choose from, best first; none if there is no choice. */
function qualitiesOf(levels: readonly Level[]): Quality[] {
  const found = levels.map(({ height }, index) => ({ index, height })).filter(({ height }) => height > 0);
  return found.length < 2 ? [] : found.sort((a, b) => b.height - a.height);
}

function rememberedVolume(): number {
  try {
    const kept = Number(localStorage.getItem(volumeKey) ?? "1");
    return Number.isFinite(kept) ? Math.min(1, Math.max(0, kept)) : 1;
  } catch {
    return 1;
  }
}
