import Hls from "hls.js/light";
import type { HlsConfig, Level } from "hls.js/light";

/** How far the end of what is buffered may be from that of a segment: sound and picture do not end at the same moment. */
const nearSeconds = 0.1;
/** How far ahead of the picture a segment has to begin for its beginning to come again in time. */
const aheadSeconds = 1;

/** A piece of a playlist's timeline, in seconds. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** What is buffered from the picture on. */
interface Buffered {
  readonly len: number;
  readonly end: number;
}

/** A quality as far as choosing needs it. */
type Candidate = Pick<Level, "loadError" | "fragmentError"> & { readonly details?: { readonly fragments: readonly Span[] } };

/** What is known when the next piece is about to be asked for. */
export interface Loading {
  readonly levels: readonly Candidate[];
  /** The quality that is loaded now, -1 for none. */
  readonly loadLevel: number;
  readonly buffered: Buffered | null;
}

/** Whether a segment of another quality can go behind what is buffered, or over its end, without the picture noticing. */
export function mayChange(buffered: Buffered | null, segments: readonly Span[]): boolean {
  if (buffered === null || buffered.len === 0) return true;
  if (segments.some(({ start, end }) => Math.abs(end - buffered.end) < nearSeconds || Math.abs(start - buffered.end) < nearSeconds)) return true;
  const cut = segments.find(({ start, end }) => start < buffered.end && buffered.end < end);
  return cut !== undefined && cut.start > buffered.end - buffered.len + aheadSeconds;
}

/** The quality to ask for next: the chosen one (-1 for none) as long as it loads, else hls.js' own choice; none of them before it may change. */
export function nextQuality({ levels, loadLevel, buffered }: Loading, chosen: number, automatic: () => number): number {
  const level = levels[loadLevel];
  const failing = level === undefined || level.loadError > 0 || level.fragmentError > 0;
  if (!failing && !mayChange(buffered, level.details?.fragments ?? [])) return loadLevel;
  return levels[chosen]?.loadError === 0 ? chosen : automatic();
}

/**
 * The choice of quality, by hls.js or (`chosen`, -1 for none) by the viewer, held back until a segment begins that the picture has not come to.
 * A picture of another quality begins with a key frame, which stands at the beginning of a segment: hls.js, changing in the middle of one,
 * fetches that from its beginning over what is buffered, and if the picture is inside it already, browsers show nothing from the end of what
 * they had to the next key frame.
 */
export function seamless(chosen: () => number): HlsConfig["abrController"] {
  return class extends Hls.DefaultConfig.abrController {
    override get nextAutoLevel(): number {
      const { levels, loadLevel, mainForwardBufferInfo: buffered } = this.hls;
      return nextQuality({ levels, loadLevel, buffered }, chosen(), () => super.nextAutoLevel);
    }

    override set nextAutoLevel(level: number) {
      super.nextAutoLevel = level;
    }
  };
}
