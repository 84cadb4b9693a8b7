import Hls from "hls.js/light";
import type { ErrorData, HlsConfig, Level, LevelDetails } from "hls.js/light";
import { seamless } from "./seamless";
import type { Edge, Engine, EngineEvents, Figures, Quality, Start } from "./engine";

const mostRecoveries = 2;

const config: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // The pace is CatchUp's business.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: 0,
  liveDurationInfinity: true,
  backBufferLength: 30,
  maxBufferLength: 20,
  // Begin with a good picture; what the network really gives is known after the first part.
  abrEwmaDefaultEstimate: 4_000_000,
  testBandwidth: false,
  capLevelToPlayerSize: true,
  maxFragLookUpTolerance: 0.05,
};

/** Plays by Media Source: everywhere but on iPhones. */
export class HlsEngine implements Engine {
  readonly #hls: Hls;
  readonly #video: HTMLVideoElement;
  readonly #events: EngineEvents;
  #recoveries = 0;
  /** The quality that the viewer chose, -1 for none. */
  #chosen = -1;
  #start: Start;

  constructor(video: HTMLVideoElement, url: string, start: Start, events: EngineEvents) {
    this.#video = video;
    this.#events = events;
    this.#start = start;
    const hls = new Hls({ ...config, abrController: seamless(() => this.#chosen), autoStartLoad: start === "live", ...(start === "live" ? {} : { lowLatencyMode: false, maxBufferLength: 30 }) });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
      events.onready(qualitiesOf(levels));
      if (start !== "live") this.#loadPlaylistOnly();
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_event, { details }) => this.#begin(details));
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      this.#recoveries = 0;
      events.onbuffered();
    });
    hls.on(Hls.Events.LEVEL_SWITCHING, (_event, { level }) => this.#switching(level));
    hls.on(Hls.Events.LEVEL_SWITCHED, (_event, { level }) => events.onswitched(level));
    hls.on(Hls.Events.ERROR, (_event, data) => this.#failed(data));
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  /** Whether this browser has what it needs. */
  static isSupported(): boolean {
    return Hls.isSupported();
  }

  edge(): Edge | null {
    const details = this.#hls.latestLevelDetails;
    const target = this.#hls.targetLatency;
    if (!details?.live || target === null || target <= 0) return null;
    return { latency: details.edge + details.age - this.#video.currentTime, target, piece: this.#hls.config.lowLatencyMode && details.partTarget ? details.partTarget : details.targetduration };
  }

  dateAt(position: number): number | null {
    const fragments = this.#hls.latestLevelDetails?.fragments ?? [];
    // The last one that begins before it; what is older than the list follows from the list's first.
    const fragment = fragments.findLast(({ start }) => start <= position) ?? fragments[0];
    return fragment?.programDateTime == null ? null : fragment.programDateTime + (position - fragment.start) * 1000;
  }

  positionOf(at: number): number | null {
    return positionIn(this.#hls.latestLevelDetails, at);
  }

  span(): { from: number; to: number } | null {
    const details = this.#hls.latestLevelDetails;
    const first = details?.fragments[0]?.programDateTime;
    if (!details || first == null) return null;
    const to = this.dateAt(details.edge);
    return to === null ? null : { from: first, to: to + details.age * 1000 };
  }

  choose(index: number): void {
    const hls = this.#hls;
    this.#chosen = index;
    const wanted = index === -1 ? hls.nextAutoLevel : index;
    // Nothing is fixed until a segment begins; then `#switching` fixes it.
    const fixed = hls.loadLevel === index ? index : -1;
    // Who is behind live has half a minute of the other quality: hls.js drops what is so far ahead that it comes again in time.
    if (hls.currentLevel === wanted && hls.loadLevel === wanted) hls.loadLevel = fixed;
    else hls.nextLevel = fixed;
  }

  figures(): Figures | null {
    const level = this.#hls.levels[Math.max(0, this.#hls.currentLevel)];
    if (!level) return null;
    return {
      protocol: this.#hls.latestLevelDetails?.partList ? "LL-HLS" : "HLS",
      width: this.#video.videoWidth,
      height: this.#video.videoHeight,
      frameRate: level.frameRate,
      bitrateBps: level.maxBitrate,
      codecs: [level.videoCodec, level.audioCodec].filter(Boolean).join(", "),
      bandwidthBps: Math.round(this.#hls.bandwidthEstimate),
    };
  }

  destroy(): void {
    this.#hls.destroy();
  }

  /** From here on a chosen quality is kept, however slow the network. */
  #switching(level: number): void {
    if (level === this.#chosen) this.#hls.loadLevel = level;
  }

  /** For a start in the past the playlist is needed first: only it says where on its timeline that is. */
  #loadPlaylistOnly(): void {
    this.#hls.startLoad(0);
    this.#hls.pauseBuffering();
  }

  #begin(details: LevelDetails): void {
    if (this.#start === "live") return;
    const { at } = this.#start;
    this.#start = "live";
    const position = positionIn(details, at) ?? details.fragments[0]?.start ?? 0;
    this.#hls.stopLoad();
    this.#hls.resumeBuffering();
    this.#hls.startLoad(position);
  }

  #failed(data: ErrorData): void {
    const { ErrorDetails, ErrorTypes } = Hls;
    const status = data.response?.code ?? 0;
    const ofPlaylist = data.details === ErrorDetails.MANIFEST_LOAD_ERROR || data.details === ErrorDetails.LEVEL_LOAD_ERROR;
    // A quality that the server left out is not found: hls.js goes on with another one, as long as there is one.
    if (data.details === ErrorDetails.LEVEL_LOAD_ERROR && status === 404 && !data.fatal && this.#hls.levels.length > 1) return;
    if (ofPlaylist && status >= 400 && status < 500) {
      this.#events.onfailed({ kind: "refused", status });
      return;
    }
    if (!data.fatal) return;
    if (data.type === ErrorTypes.MEDIA_ERROR && data.details !== ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR && this.#recoveries < mostRecoveries) {
      this.#recoveries += 1;
      this.#hls.recoverMediaError();
      return;
    }
    this.#events.onfailed(data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ? { kind: "unsupported" } : { kind: "broken" });
  }
}

/** Where a moment is on a playlist's timeline; the playlist's ends for what is beyond them. */
function positionIn(details: LevelDetails | null, at: number): number | null {
  const first = details?.fragments[0];
  if (!details || first?.programDateTime == null) return null;
  if (at <= first.programDateTime) return first.start;
  const fragment = details.fragments.findLast(({ programDateTime }) => programDateTime !== null && programDateTime <= at) ?? first;
  return Math.min(fragment.start + (at - (fragment.programDateTime ?? 0)) / 1000, fragment.end, details.edge);
}

/** The qualities to choose from, best first; none if there is no choice. Levels without a picture are the player's own last resort. */
function qualitiesOf(levels: readonly Level[]): Quality[] {
  const found = levels.map(({ height }, index) => ({ index, height })).filter(({ height }) => height > 0);
  return found.length < 2 ? [] : found.sort((a, b) => b.height - a.height);
}
