/** A quality that can be chosen. */
export interface Quality {
  /** The player's own number for it. */
  index: number;
  height: number;
}

/** Why media does not come, as far as an engine can tell. */
export type Failure =
  /** The server refused a playlist; `status` is what it said, 0 for nothing. */
  | { kind: "refused"; status: number }
  /** The network or the server is in the way. */
  | { kind: "broken" }
  /** This browser cannot play what is sent. */
  | { kind: "unsupported" };

/** What an engine tells the player. */
export interface EngineEvents {
  onready: (qualities: readonly Quality[]) => void;
  onbuffered: () => void;
  onfailed: (failure: Failure) => void;
  /** Another quality came onto the screen. */
  onswitched: (index: number) => void;
}

/** Where to begin: at the live edge, or at a moment of the broadcast, in ms since the epoch. */
export type Start = "live" | { at: number };

/** How far behind the live edge to play, and how much is there, in seconds. */
export interface Edge {
  /** The distance from the live edge. */
  latency: number;
  /** The distance that the playlist asks for. */
  target: number;
  /** The length of what comes at a time: a part, else a segment. */
  piece: number;
}

/** Figures for those who want to know. */
export interface Figures {
  protocol: "LL-HLS" | "HLS";
  width: number;
  height: number;
  /** Frames per second, 0 if not told. */
  frameRate: number;
  bitrateBps: number;
  codecs: string;
  /** What the network gave, in bits per second; 0 if not measured. */
  bandwidthBps: number;
}

/** Brings one playlist into one video element. hls.js is one engine, the browser itself the other. */
export interface Engine {
  /** The live edge; null while it is not known, or when the browser does not tell. */
  edge(): Edge | null;
  /** When what stands at a position of the element was broadcast, in ms since the epoch; null if not told. */
  dateAt(position: number): number | null;
  /** The position of a moment; null if it is not in the playlist. */
  positionOf(at: number): number | null;
  /** The moments that the playlist covers, in ms since the epoch. */
  span(): { from: number; to: number } | null;
  /** Takes a quality, -1 for its own choice. */
  choose(index: number): void;
  figures(): Figures | null;
  destroy(): void;
}

/** Starts an engine on an element: `url` is a playlist's. */
export type MakeEngine = (video: HTMLVideoElement, url: string, start: Start, events: EngineEvents) => Engine;
